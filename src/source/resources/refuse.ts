// The wording of refusals, and what is said of kinds that no driver carries.
import { GodwitError } from '../../errors.ts';
import type { Refusal } from './driver.ts';
import type { SeenFile } from './seen-file.ts';

export function refuse(file: SeenFile, { reason, remedy }: Refusal): GodwitError {
  return new GodwitError('REFUSED', `${file.object}: ${reason}`, { hint: remedy });
}

const closeIt = 'let the program close it for the migration, or stop it and start it on the target';

/** What the kernel calls objects without a name, and what people call them. */
const anonymous: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/io_uring/, 'an io_uring'],
  [/bpf/, 'a BPF object'],
  [/perf_event/, 'a perf event'],
  [/userfaultfd/, 'a userfaultfd of its own'],
  [/kvm/, 'a virtual machine'],
  [/seccomp/, 'a seccomp listener'],
  [/landlock/, 'a Landlock ruleset'],
  [/^(mnt|net|pid|user|uts|ipc|cgroup|time):/, 'a namespace'],
];

const families = new Map([
  [17, 'packet'],
  [38, 'kernel crypto'],
  [40, 'vsock'],
  [44, 'XDP'],
]);

/** Why a socket that no driver carries is refused. */
export function unsupportedSocket(domain: number, type: number): Refusal {
  const family = families.get(domain) ?? (type === 3 ? 'raw' : `family ${domain} type ${type}`);
  return { reason: `Godwit does not carry ${family} sockets`, remedy: closeIt };
}

/** Why anything else that no driver carries is refused. */
export function unsupported(file: SeenFile): Refusal {
  const name = anonymous.find(([pattern]) => pattern.test(file.link))?.[1];
  if (name !== undefined) return { reason: `Godwit does not carry ${name}`, remedy: closeIt };
  if (file.link.startsWith('/proc/') || file.link.startsWith('/sys/')) {
    return { reason: 'a file of /proc or /sys that means something on this host only', remedy: closeIt };
  }
  if (!file.isNamed) return { reason: 'Godwit does not know this kind of file', remedy: closeIt };
  if (file.stat.isCharacterDevice()) return characterDevice(file);
  if (file.stat.isBlockDevice()) return { reason: 'a block device', remedy: closeIt };
  return { reason: 'Godwit does not carry this kind of file', remedy: closeIt };
}

function characterDevice({ link, stat: { rdev } }: SeenFile): Refusal {
  const major = Number((rdev >> 8n) & 0xfffn);
  const isTerminal = major === 4 || major === 5 || (major >= 136 && major <= 143);
  if (!isTerminal)
    return { reason: `device ${major}:${Number(rdev & 0xffn)} belongs to this host`, remedy: closeIt };
  return terminalOutside(link, undefined);
}

/** `holder`: who has its other end, where that is known. */
export function terminalOutside(link: string, holder: string | undefined): Refusal {
  return {
    reason: `a terminal outside the tree${holder === undefined ? '' : `, of ${holder}`}`,
    remedy: `give another file for it (--inherit-fd fd[N]:${link}), start the program without one (setsid program </dev/null >log 2>&1), or migrate a tree that contains its other end`,
  };
}
