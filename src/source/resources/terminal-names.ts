// Which pseudoterminal a descriptor belongs to: its number, and the devpts instance that counts it.
import { posix } from 'node:path';
import type { TerminalName } from '../../images/resources/terminal.ts';
import { readMountinfo, type Mount } from '../../kernel/mountinfo.ts';
import type { SeenFile } from './seen-file.ts';

export interface SeenTerminal {
  readonly name: TerminalName;
  readonly isMaster: boolean;
  /** Equal for both ends of a pair. */
  readonly key: string;
}

const ptmxDevice = device(5, 2);
const slaveMajor = 136;

/** Undefined: no end of a pair. @throws when the descriptor is gone. */
export function terminalOf(file: SeenFile): SeenTerminal | undefined {
  if (!looksLikeTerminal(file.link) || !file.stat.isCharacterDevice()) return undefined;
  const isMaster = file.stat.rdev === ptmxDevice;
  const number = isMaster ? masterNumber(file) : slaveNumberOf(file.stat.rdev);
  if (number === undefined) return undefined;
  const instance = instanceOf(file, isMaster);
  if (instance === undefined) return undefined;
  const { devMajor, devMinor, mountPoint } = instance;
  const ptmx = isMaster ? file.link : '/dev/ptmx';
  return {
    name: { ptmx, devpts: mountPoint, number },
    isMaster,
    key: `terminal ${devMajor}:${devMinor}:${number}`,
  };
}

/** Quick, so that not every file is asked for its status. */
export function looksLikeTerminal(link: string): boolean {
  return /\/(ptmx|\d+)( \(deleted\))?$/.test(link) && !link.startsWith('/proc/');
}

/** fdinfo shows it since Linux 4.13. */
function masterNumber({ info }: SeenFile): number | undefined {
  const line = info.unknown.find((one) => one.startsWith('tty-index:'));
  return line === undefined ? undefined : Number(line.slice('tty-index:'.length));
}

function slaveNumberOf(rdev: bigint): number | undefined {
  return ((rdev >> 8n) & 0xfffn) === BigInt(slaveMajor)
    ? Number((rdev & 0xffn) | ((rdev >> 12n) & 0xf_ff00n))
    : undefined;
}

/**
 * /dev/ptmx lies on no devpts: it makes pairs of the instance that is mounted at `pts` beside it (Linux 4.7,
 * Documentation/filesystems/devpts.rst). Descriptors from another mount namespace have mounts of their own: by device.
 */
function instanceOf(file: SeenFile, isMaster: boolean): Mount | undefined {
  const mounts = (readMountinfo(file.home.pid) ?? []).filter(({ type }) => type === 'devpts').reverse();
  const own = mounts.find(({ devMajor, devMinor }) => device(devMajor, devMinor) === file.stat.dev);
  if (own !== undefined || !isMaster) return own;
  const beside = posix.join(posix.dirname(file.link), 'pts');
  return mounts.find(({ mountPoint }) => mountPoint === beside);
}

/** dev_t as stat(2) has it. */
function device(major: number, minor: number): bigint {
  return (BigInt(major) << 8n) | (BigInt(minor) & 0xffn) | ((BigInt(minor) & 0xf_ff00n) << 12n);
}
