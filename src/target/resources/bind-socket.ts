// bind(2) of the agent's sockets, also to addresses that this host does not have yet.
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { hostText } from '../../kernel/socket-address.ts';
import { afInet, solIp, solIpv6 } from '../../kernel/socket-options.ts';
import { ask } from '../../kernel/socket-questions.ts';
import { int } from '../../kernel/tcp-repair.ts';

const ipTransparent = 19; // Linux 2.6.28, CAP_NET_ADMIN
const ipv6Transparent = 75; // Linux 2.6.37

/** 0 or negative errno. */
export function bindSocket(fd: number, address: Uint8Array): number {
  const program = new Program();
  const result = program.attempt('bind', fd, program.bytes(address), address.length);
  return runLocal(program).number(result);
}

/** Binds and connects with an address that this host does not have yet. */
export function asIfHere<T>(fd: number, local: Uint8Array, work: () => T): T {
  const [level, option] = local[0] === afInet ? [solIp, ipTransparent] : [solIpv6, ipv6Transparent];
  const before = new Program();
  const was = ask(before, fd, level, option, 4).value;
  before.call('setsockopt', fd, level, option, before.bytes(int(1)), 4);
  const value = runLocal(before, 'an address that is not here yet').bytes(was).slice();
  try {
    return work();
  } finally {
    const after = new Program();
    after.attempt('setsockopt', fd, level, option, after.bytes(value), 4);
    runLocal(after);
  }
}

/** Does so only where the address comes along with the tree (`moving`: as hostText writes them). */
export function whereItGoes<T>(
  fd: number,
  local: Uint8Array | undefined,
  { moving }: { readonly moving: ReadonlySet<string> },
  work: () => T,
): T {
  return local !== undefined && moving.has(hostText(local)) ? asIfHere(fd, local, work) : work();
}
