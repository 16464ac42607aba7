// Network interfaces by name and by index, in the network namespace of a socket.
import { runLocal } from './local-program.ts';
import { Program } from './program.ts';

const siocGifName = 0x8910;
const siocGifIndex = 0x8933;
/** struct ifreq: the name, then a union in which the index is the first word. */
const ifreqLength = 40;
const nameLength = 16;

/** undefined: there is none of this name. */
export function interfaceIndex(fd: number, name: string): number | undefined {
  const ifreq = new Uint8Array(ifreqLength);
  if (Buffer.byteLength(name) >= nameLength) return undefined;
  ifreq.set(Buffer.from(name, 'utf8'));
  const filled = ask(fd, siocGifIndex, ifreq);
  return filled?.getInt32(nameLength, true);
}

/** undefined: there is none with this index, any more. */
export function interfaceName(fd: number, index: number): string | undefined {
  const ifreq = new Uint8Array(ifreqLength);
  new DataView(ifreq.buffer).setInt32(nameLength, index, true);
  const filled = ask(fd, siocGifName, ifreq);
  if (filled === undefined) return undefined;
  return cString(new Uint8Array(filled.buffer, filled.byteOffset, nameLength));
}

function ask(fd: number, request: number, ifreq: Uint8Array): DataView | undefined {
  const program = new Program();
  const data = program.bytes(ifreq);
  const result = program.attempt('ioctl', fd, request, data);
  const outcome = runLocal(program);
  return outcome.number(result) < 0 ? undefined : outcome.view(data);
}

/** The text before the first NUL. */
export function cString(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString('utf8');
}
