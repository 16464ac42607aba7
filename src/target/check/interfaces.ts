// Network interfaces that sockets of the tree name (multicast groups, SO_BINDTODEVICE) must be here.
import type { Blocker, Requirements } from '../../images/requirements.ts';
import { interfaceIndex } from '../../kernel/interfaces.ts';
import { closeLocal, openSocket } from '../../kernel/socket-facts.ts';
import { afInet, sockDgram } from '../../kernel/socket-options.ts';
import { blocker } from './blocker.ts';

export function checkInterfaces({ interfaces }: Pick<Requirements, 'interfaces'>): Blocker[] {
  if (interfaces.length === 0) return [];
  const fd = openSocket(afInet, sockDgram, 0);
  try {
    return interfaces
      .filter((name) => interfaceIndex(fd, name) === undefined)
      .map((name) =>
        blocker(
          `network interface ${name}`,
          'sockets of the tree use it (a multicast group, or a socket option), and it is not here',
          'make it, or give one this name (ip link)',
        ),
      );
  } finally {
    closeLocal(fd);
  }
}
