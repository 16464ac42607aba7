// Who has sent a message, by the number that a tree in a PID namespace of its own sees. Where the sender has ended only that namespace
// knows it: a process of the tree that has the socket looks at the message (MSG_PEEK), with room for the sender's name alone, so that
// descriptors that come with it do not become the process's.
import { credentialsRoom, parseControl } from '../../kernel/control-messages.ts';
import { isError, Program } from '../../kernel/program.ts';
import type { DumpContext } from './driver.ts';
import type { SeenFile } from './seen-file.ts';
import { setPeekOff, waitingFacts } from './unix-look.ts';

type RunIn = NonNullable<DumpContext['runIn']>;

/** SO_PEEK_OFF that is off: the first message, whether or not somebody has looked at it. */
const headOffset = -1;
const msgPeek = 2;
const msgDontwait = 0x40;
/** struct msghdr: where it has its pointers and lengths. */
const msghdr = { length: 56, iov: 16, iovCount: 24, control: 32, controlLength: 40 };

/**
 * By message, as far as the kernel shows it; none where nobody can be asked. `offset`: how many bytes wait before the message.
 * Preconditions: the tree stands still, or there is no `runIn`.
 */
export function sendersInside(
  file: SeenFile,
  messages: readonly { readonly message: number; readonly offset: number }[],
  { runIn, thief }: Pick<DumpContext, 'runIn' | 'thief'>,
): Map<number, number> {
  const found = new Map<number, number>();
  if (messages.length === 0 || runIn === undefined || file.carrier !== undefined) return found;
  const own = thief.fdOf(file);
  const { peekOff } = waitingFacts(own);
  try {
    for (const { message, offset } of messages) {
      setPeekOff(own, message === 0 ? headOffset : offset);
      const pid = askSender(file, runIn);
      if (pid !== undefined) found.set(message, pid);
    }
  } finally {
    setPeekOff(own, peekOff);
  }
  return found;
}

function askSender({ process, fd }: SeenFile, runIn: RunIn): number | undefined {
  const program = new Program();
  const byte = program.room(8);
  const control = program.room(credentialsRoom);
  const part = program.structure(iovecOf(1), [{ at: 0, to: byte }]);
  const header = new Uint8Array(msghdr.length);
  const view = new DataView(header.buffer);
  view.setBigUint64(msghdr.iovCount, 1n, true);
  view.setBigUint64(msghdr.controlLength, BigInt(control.length), true);
  const message = program.structure(header, [
    { at: msghdr.iov, to: part },
    { at: msghdr.control, to: control },
  ]);
  const got = program.attempt('recvmsg', fd, message, msgPeek | msgDontwait);
  const outcome = runIn(process.pid, program);
  if (isError(outcome.result(got))) return undefined;
  const length = Number(outcome.view(message).getBigUint64(msghdr.controlLength, true));
  return parseControl(outcome.bytes(control).subarray(0, length)).credentials?.pid;
}

/** struct iovec: an address and a length. */
function iovecOf(length: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(0n, BigInt(length)).buffer);
}
