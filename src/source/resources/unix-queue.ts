// What waits to be read from a unix socket, message by message, left where it is. In the freeze SO_PEEK_OFF walks through it; of a
// tree that runs only what stands first is looked at: an offset set for a moment would change what its own MSG_PEEK shows.
import type { ControlData, SenderCredentials } from '../../kernel/control-messages.ts';
import { closeLocal } from '../../kernel/socket-facts.ts';
import { bytesBeforeLast } from './unix-borders.ts';
import { Looker, setPeekOff, waitingFacts, type Look, type WaitingFacts } from './unix-look.ts';

const stream = 1;
const packets = 5;

export interface QueuedMessage {
  readonly data: Uint8Array<ArrayBuffer>;
  /** Descriptors that came with it: the agent's own copies, which whoever has asked must close. */
  readonly rights: readonly number[];
  /** As the agent sees them. */
  readonly credentials?: SenderCredentials;
  /** A security label (SCM_SECURITY). */
  readonly label?: string;
}

export interface Queue {
  readonly messages: readonly QueuedMessage[];
  /** A message came from a socket with a name. */
  readonly named: boolean;
}

/** A queue, and the open files (by id) that each of its messages brings. */
export interface CarryingQueue extends Queue {
  readonly files: readonly (readonly number[])[];
}

/** Every descriptor that its messages bring. */
export function rightsOf({ messages }: Pick<Queue, 'messages'>): number[] {
  return messages.flatMap(({ rights }) => rights);
}

export const emptyQueue: Queue = { messages: [], named: false };

/** All of it. `type`: SOCK_STREAM and so on. Preconditions: nobody reads or writes the socket meanwhile. */
export function readQueue(fd: number, type: number): Queue {
  const facts = waitingFacts(fd);
  if (type === stream && facts.queued === 0) return emptyQueue;
  const messages: QueuedMessage[] = [];
  const looker = new Looker(fd, facts.queued);
  try {
    const named =
      type === stream ? walkStream(fd, looker, facts, messages) : walkMessages(looker, type, facts, messages);
    return { messages, named };
  } catch (error) {
    closeLocal(...rightsOf({ messages }));
    throw error;
  } finally {
    setPeekOff(fd, facts.peekOff);
  }
}

/** What a plain look shows, without a trace in the socket: the first message; of a stream all up to the first descriptors. */
export function readHead(fd: number): Queue {
  const { peekOff, queued } = waitingFacts(fd);
  // With an offset of its own each look would move it on.
  if (peekOff >= 0) return emptyQueue;
  const look = new Looker(fd, queued).look();
  return look === undefined
    ? emptyQueue
    : { messages: [messageOf(look.data, look.control)], named: look.isNamed };
}

/**
 * A message without bytes that was looked at before is shown to a look without offset alone, and only when it stands first
 * (net/core/datagram.c, __skb_try_recv_from_queue): so the first is taken without.
 */
function walkMessages(
  looker: Looker,
  type: number,
  { queued, ended }: WaitingFacts,
  messages: QueuedMessage[],
): boolean {
  let named = false;
  let total = 0;
  for (let from = -1; ; from = total) {
    const look = looker.lookWhole(from);
    if (look === undefined || (type === packets && ended && total >= queued && isEmpty(look))) return named;
    named ||= look.isNamed;
    messages.push(messageOf(look.data, look.control));
    total += look.length;
  }
}

/** The end of what can be read looks like a message without anything. */
function isEmpty({ length, control }: Look): boolean {
  return length === 0 && control.rights.length === 0 && control.credentials === undefined;
}

/** One message for each stretch of bytes without descriptors from one sender, one for each with descriptors. */
function walkStream(
  fd: number,
  looker: Looker,
  { queued }: WaitingFacts,
  messages: QueuedMessage[],
): boolean {
  let named = false;
  for (let from = 0; from < queued;) {
    looker.lookFrom(from);
    const look = looker.look();
    if (look === undefined || look.length === 0) break;
    named ||= look.isNamed;
    const { data, control } = look;
    let plain = 0;
    if (control.rights.length > 0) {
      looker.lookFrom(from);
      plain = bytesBeforeLast(fd, look.length);
    }
    if (plain > 0) messages.push(messageOf(data.slice(0, plain), { ...control, rights: [] }));
    messages.push(messageOf(data.slice(plain), control));
    from += look.length;
  }
  return named;
}

function messageOf(
  data: Uint8Array<ArrayBuffer>,
  { rights, credentials, label }: ControlData,
): QueuedMessage {
  return {
    data,
    rights,
    ...(credentials === undefined ? {} : { credentials }),
    ...(label === undefined ? {} : { label }),
  };
}
