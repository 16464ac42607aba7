// The socket filter by which a listening socket accepts nobody new (native/sys/connection.h, StopListening). Connections that come into
// being behind it inherit it, and keep it when a flight fails before they are locked themselves; it does them no harm.
import { runLocal } from './local-program.ts';
import { Program } from './program.ts';
import { solSocket } from './socket-options.ts';

const soGetFilter = 26;
/** struct sock_filter: code, jt, jf, k. */
const bytesEach = 8;
const ours = [
  [0x30, 0, 0, 13], // the flags of the TCP header
  [0x54, 0, 0, 0x12], // SYN and ACK of them
  [0x15, 0, 1, 2], // SYN alone
  [0x06, 0, 0, 0],
  [0x06, 0, 0, 0xffffffff],
].map(([code = 0, jt = 0, jf = 0, k = 0]) => {
  const view = new DataView(new ArrayBuffer(bytesEach));
  view.setUint16(0, code, true);
  view.setUint8(2, jt);
  view.setUint8(3, jf);
  view.setUint32(4, k, true);
  return new Uint8Array(view.buffer);
});

/** Its socket filter, which it has, is this one. */
export function hasListenerFilter(fd: number): boolean {
  const program = new Program();
  const instructions = program.room(ours.length * bytesEach);
  // Lengths of this option are numbers of instructions (sk_get_filter); longer ones fail with EINVAL.
  const length = program.bytes(new Uint8Array(Uint32Array.of(ours.length).buffer));
  program.attempt('getsockopt', fd, solSocket, soGetFilter, instructions, length);
  return Buffer.concat(ours).equals(runLocal(program).bytes(instructions));
}
