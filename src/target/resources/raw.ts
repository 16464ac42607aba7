// Raw sockets: filter, options, multicast groups, address, peer.
import { asGodwitError, GodwitError } from '../../errors.ts';
import { attachFilter } from '../../kernel/socket-filter.ts';
import { addressText } from '../../kernel/socket-address.ts';
import { openSocket } from '../../kernel/socket-facts.ts';
import { sockRaw } from '../../kernel/socket-options.ts';
import { setOptions } from '../../kernel/socket-values.ts';
import type { TargetDriver } from './driver.ts';
import { bindAndConnect, joinAll } from './udp.ts';

export const raw: TargetDriver<'raw'> = {
  open({ family, protocol, local, remote, options, memberships, filter, unread }, _file, { speaker, warn }) {
    const name = `raw socket of protocol ${protocol} ${local === undefined ? '' : addressText(local)}`.trim();
    const fd = openRaw(family, protocol, name);
    // First of all: what comes from now on is the program's.
    if (filter !== undefined) attachFilter(fd, filter, name);
    setOptions(fd, options, name);
    joinAll(fd, memberships, name);
    bindAndConnect(fd, { local, remote }, name, speaker);
    if (unread) warn(`${name}: what waited to be read is lost`);
    return fd;
  },
};

function openRaw(family: number, protocol: number, name: string): number {
  try {
    return openSocket(family, sockRaw, protocol);
  } catch (error) {
    throw new GodwitError(
      'REFUSED',
      `${name} cannot be made on the target: ${asGodwitError(error).message}`,
      {
        hint: 'it takes CAP_NET_RAW: run receive as root',
        cause: error,
      },
    );
  }
}
