// How much of what is sent the kernel takes before its peer has read it.
import { Program } from './program.ts';
import { runLocal } from './local-program.ts';

const solSocket = 1;
const soSndbuf = 7;
/** As SO_SNDBUF, beyond net.core.wmem_max; needs CAP_NET_ADMIN (socket(7), Linux 2.6.14). */
const soSndbufForce = 32;

/**
 * Makes room for `bytes` of one of the agent's own sockets, as far as the kernel lets it: memory that is used when something waits there.
 * Afterwards the kernel sizes the buffer no more by itself.
 */
export function widenSendBuffer(fd: number, bytes: number): void {
  const program = new Program();
  const value = program.bytes(new Uint8Array(Int32Array.of(bytes).buffer));
  program.attempt('setsockopt', fd, solSocket, soSndbuf, value, 4);
  program.attempt('setsockopt', fd, solSocket, soSndbufForce, value, 4);
  runLocal(program);
}
