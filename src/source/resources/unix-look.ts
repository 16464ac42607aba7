// One look at what waits in a unix socket, which leaves it where it is: recvmsg(2) with MSG_PEEK. Descriptors that come with a message
// are fresh copies of the agent's own. SO_PEEK_OFF (socket(7)) says where a look begins; it belongs to the socket, which the
// agent's copy shares with its owner, so it is put back, and never touched while the tree runs.
import { controlRoom, parseControl, type ControlData } from '../../kernel/control-messages.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { isError, Program } from '../../kernel/program.ts';
import { closeLocal } from '../../kernel/socket-facts.ts';
import { solSocket } from '../../kernel/socket-options.ts';
import { ask } from '../../kernel/socket-questions.ts';
import { native } from '../../native.ts';

const soPeekOff = 42;
const fionread = 0x541b;
const pollRdhup = 0x2000;
const msgPeek = 2;
const msgCtrunc = 8;
const msgTrunc = 0x20;
const msgDontwait = 0x40;
/** sa_family alone: the sender has no name. */
const unnamed = 2;
const leastRoom = 4096;

/** What one look has seen. */
export interface Look {
  /** Of a datagram its whole length. */
  readonly length: number;
  readonly data: Uint8Array<ArrayBuffer>;
  readonly control: ControlData;
  /** The control data was cut off: descriptors that the agent has no number for. */
  readonly isCut: boolean;
  /** The sender has a name. */
  readonly isNamed: boolean;
}

export class Looker {
  readonly #fd: number;
  readonly #name = new Uint8Array(128);
  readonly #control = new Uint8Array(controlRoom);
  readonly #facts = new Int32Array(3);
  #room: Uint8Array<ArrayBuffer>;

  /** `room`: bytes that are expected. */
  constructor(fd: number, room: number) {
    this.#fd = fd;
    this.#room = new Uint8Array(Math.max(room, leastRoom));
  }

  /**
   * At what SO_PEEK_OFF says. Undefined: nothing is there. A message that does not fit is cut, and `length` says so.
   * What comes as a pidfd (SCM_PIDFD) is made anew for each reader, and closed here.
   */
  look(): Look | undefined {
    const flags = msgPeek | msgTrunc | msgDontwait;
    const length = native.receiveMessage(this.#fd, flags, this.#room, this.#name, this.#control, this.#facts);
    if (length < 0) return undefined;
    const [nameLength = 0, controlLength = 0, seenFlags = 0] = this.#facts;
    const control = parseControl(this.#control.subarray(0, controlLength));
    if (control.pidfd !== undefined && control.pidfd >= 0) closeLocal(control.pidfd);
    return {
      length,
      data: this.#room.slice(0, length),
      control,
      isCut: (seenFlags & msgCtrunc) !== 0,
      isNamed: nameLength > unnamed,
    };
  }

  /** Looks again with more room, where a message did not fit. */
  lookWhole(from: number): Look | undefined {
    this.lookFrom(from);
    for (;;) {
      const look = this.look();
      if (look === undefined || look.length <= this.#room.length) return look;
      closeLocal(...look.control.rights);
      this.#room = new Uint8Array(look.length);
      this.lookFrom(from);
    }
  }

  /** Where the next look begins; -1: at the head, always. */
  lookFrom(offset: number): void {
    setPeekOff(this.#fd, offset);
  }
}

export interface WaitingFacts {
  /** SO_PEEK_OFF; -1: off. */
  readonly peekOff: number;
  /** Bytes; of a datagram socket those of the first message. */
  readonly queued: number;
  /** It will receive no more: reading an empty queue gives 0 bytes. */
  readonly ended: boolean;
}

export function waitingFacts(fd: number): WaitingFacts {
  const program = new Program();
  const peekOff = ask(program, fd, solSocket, soPeekOff, 4);
  const queued = program.room(4);
  program.attempt('ioctl', fd, fionread, queued);
  const pollfd = program.bytes(new Uint8Array(Int32Array.of(fd, pollRdhup).buffer));
  program.attempt('poll', pollfd, 1, 0);
  const outcome = runLocal(program);
  return {
    peekOff: isError(outcome.result(peekOff.result)) ? -1 : outcome.view(peekOff.value).getInt32(0, true),
    queued: outcome.view(queued).getUint32(0, true),
    ended: (outcome.view(pollfd).getUint16(6, true) & pollRdhup) !== 0,
  };
}

export function setPeekOff(fd: number, offset: number): void {
  const program = new Program();
  const value = program.bytes(new Uint8Array(Int32Array.of(offset).buffer));
  program.attempt('setsockopt', fd, solSocket, soPeekOff, value, 4);
  runLocal(program);
}
