// Numbers of ioctl_tty(2) and TIOCGPTPEER (Linux 4.13), and single questions to a terminal. Descriptors are the agent's own.
import { runLocal } from './local-program.ts';
import { Program } from './program.ts';

export const tty = {
  tcgets2: 0x802c542a,
  getLocked: 0x5456,
  setLocked: 0x5457,
  getWindowSize: 0x5413,
  setWindowSize: 0x5414,
  getNumber: 0x80045430,
  lock: 0x40045431,
  getLock: 0x80045439,
  packet: 0x5420,
  getPacket: 0x80045438,
  exclusive: 0x540c,
  getExclusive: 0x80045440,
  getDiscipline: 0x5424,
  getSession: 0x5429,
  getForeground: 0x540f,
  setForeground: 0x5410,
  makeControlling: 0x540e,
  giveUpControlling: 0x5422,
  openPeer: 0x5441,
  getDevice: 0x80045432,
} as const;

export const openNoctty = 0o400;
const readWriteCloexec = 0o2000002;
/** Unix98 slaves have one major number, and the pair's number for their minor. */
const slaveMajor = 136;

/** An answer of four bytes, or a negative errno. */
export function askTerminal(fd: number, request: number): number {
  const program = new Program();
  const value = program.room(4);
  const result = program.attempt('ioctl', fd, request, value);
  const outcome = runLocal(program);
  const got = outcome.number(result);
  return got < 0 ? got : outcome.view(value).getInt32(0, true);
}

/** Negative errno. */
export function tellTerminal(fd: number, request: number, value: Uint8Array | number): number {
  const program = new Program();
  const argument = typeof value === 'number' ? value : program.bytes(value);
  const result = program.attempt('ioctl', fd, request, argument);
  return runLocal(program).number(result);
}

/** A new open file of the slave; a negative errno. Preconditions: it is not locked. */
export function openPeer(master: number): number {
  return tellTerminal(master, tty.openPeer, readWriteCloexec | openNoctty);
}

/** The pair's number from a device number as TIOCGDEV and /proc/PID/stat show it; undefined: no slave of a pair. */
export function slaveNumber(device: number): number | undefined {
  const major = (device >>> 8) & 0xfff;
  return major === slaveMajor ? (device & 0xff) | ((device >>> 12) & 0xf_ff00) : undefined;
}

export function int32(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Int32Array.of(value).buffer);
}
