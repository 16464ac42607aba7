// Addresses that the tree listens on must be free here: tried with a socket that is closed at once.
import type { Blocker, Requirements } from '../../images/requirements.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { hostText, isMapped } from '../../kernel/socket-address.ts';
import { native } from '../../native.ts';
import { hostsOf } from '../moved-addresses.ts';
import { blocker } from './blocker.ts';

const afInet6 = 10;
const solSocket = 1;
const soReuseaddr = 2;
const ipprotoIpv6 = 41;
const ipv6V6only = 26;
const ipprotoIp = 0;
/** Also addresses that are not here yet. */
const ipFreebind = 15;
const ipv6Freebind = 78;
const sockStream = 1;
const sockCloexec = 0o2000000;

export function checkPorts({ ports, addresses }: Requirements): Blocker[] {
  const moving = hostsOf(addresses);
  return ports.flatMap((port) => {
    const problem = tryBind(port, moving.has(hostText(port.address)));
    if (problem === undefined) return [];
    return [
      blocker(
        port.text,
        `it cannot be bound here: ${problem}`,
        remedies[problem] ?? 'look at what holds it: ss -lnp',
      ),
    ];
  });
}

const remedies: Readonly<Record<string, string>> = {
  EADDRINUSE: 'end what listens there (ss -lnp shows it)',
  EADDRNOTAVAIL: 'bring the address up on this host first (ip addr)',
  EACCES: 'run receive as root',
};

/** "EADDRINUSE", or undefined. */
function tryBind(
  { family, type, address }: Requirements['ports'][number],
  comesAlong: boolean,
): string | undefined {
  const program = new Program();
  const fd = program.call('socket', family, type | sockCloexec, 0);
  // As servers do: connections in TIME_WAIT are no hindrance. IPv6 alone: an IPv4 listener of the tree is none either.
  if (type === sockStream) program.attempt('setsockopt', fd, solSocket, soReuseaddr, program.words(1), 4);
  if (family === afInet6 && !isMapped(address))
    program.attempt('setsockopt', fd, ipprotoIpv6, ipv6V6only, program.words(1), 4);
  const [level, freebind] = family === afInet6 ? [ipprotoIpv6, ipv6Freebind] : [ipprotoIp, ipFreebind];
  if (comesAlong) program.attempt('setsockopt', fd, level, freebind, program.words(1), 4);
  const bound = program.attempt('bind', fd, program.bytes(address), address.length);
  const outcome = runLocal(program);
  native.closeFd(outcome.number(fd));
  const result = outcome.number(bound);
  return result < 0 ? errnoName(result) : undefined;
}
