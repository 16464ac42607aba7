// Netlink sockets: options, port, groups, peer.
import { GodwitError } from '../../errors.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { afNetlink, joinNetlinkGroup, netlinkSockaddr, type NetlinkAddress } from '../../kernel/netlink.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { openSocket } from '../../kernel/socket-facts.ts';
import { setOptions } from '../../kernel/socket-values.ts';
import type { TargetDriver } from './driver.ts';

export const netlink: TargetDriver<'netlink'> = {
  open({ type, protocol, port, groups, remote, options }) {
    const fd = openSocket(afNetlink, type, protocol);
    const name = `netlink socket ${port ?? ''}`.trim();
    setOptions(fd, options, name);
    if (port !== undefined)
      call('bind', fd, { port, groups: 0 }, `${name} cannot have its port on the target`);
    for (const group of groups) {
      const result = joinNetlinkGroup(fd, group);
      if (result < 0)
        throw new GodwitError('REFUSED', `${name} cannot hear group ${group} here: ${errnoName(result)}`, {
          hint: 'run receive as root',
        });
    }
    if (remote !== undefined) call('connect', fd, remote, `${name} cannot be connected to ${remote.port}`);
    return fd;
  },
};

function call(name: 'bind' | 'connect', fd: number, address: NetlinkAddress, failure: string): void {
  const program = new Program();
  const sockaddr = netlinkSockaddr(address);
  const result = program.attempt(name, fd, program.bytes(sockaddr), sockaddr.length);
  const got = runLocal(program).number(result);
  if (got >= 0) return;
  throw new GodwitError('REFUSED', `${failure}: ${errnoName(got)}`, {
    ...(errnoName(got) === 'EADDRINUSE'
      ? { hint: 'another process of this host has it: see /proc/net/netlink' }
      : {}),
  });
}
