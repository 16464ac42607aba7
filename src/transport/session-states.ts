// The states of one control connection and the messages that each allows, checked at run time on both sides.
// Both sides run the same machine over what they send and receive; a message that the state does not allow is a
// PROTOCOL error when it comes from the peer, and a bug (INTERNAL) when it is ours.
//
//   S: from source   T: from target
//
//                 start
//                   | S hello
//                greeting ----- T refused -------------------------------> ended
//                   | T welcome
//                 ready <---> checking          (S check / T checked)
//                   |   <---> rehearsing        (S rehearse / T rehearsed)
//        S resolve/ |  \
//               v   |   \ S stage
//        resolving  |    v
//       T resolved  |  staging
//               v   |    | T staged
//        resolved   |    v         S round-end
//                   |  staged <-----------------> round       (T round-acked)
//                   |    |  ^ S stage / T staged: the layout changed
//                   |    | S final
//                   |    v
//                   |  applying
//                   |    | T prepared            the tree stands fenced on the target
//                   |    v
//                   |  prepared
//                   |    | S commit              the target owns the tree; no way back
//                   |    v
//                   |  committing
//                   |    | T running
//                   |    v
//                   |  running <---> running       (S late, T forward)
//
//   S fetch, on a connection of its own: ready ----> fetching -- T missing --> fetched <---> fetched (T wanted)
//                                                     fetching, fetched -- T complete --> resolved
//
//   S abort:  any state from ready to prepared ----> ended
//   error:    any state, either side           ----> ended   (the last word of who sends it)
//   S clock-probe, T clock-reply: from ready to applying, no change of state
//   T progress, T log:            after welcome, no change of state
import { GodwitError } from '../errors.ts';
import type { MessageOf, Side } from './messages.ts';

export type MessageType = MessageOf[Side]['type'];
export type SessionState =
  | 'start'
  | 'greeting'
  | 'ready'
  | 'checking'
  | 'rehearsing'
  | 'staging'
  | 'staged'
  | 'round'
  | 'applying'
  | 'prepared'
  | 'committing'
  | 'running'
  | 'resolving'
  | 'resolved'
  | 'fetching'
  | 'fetched'
  | 'ended';

type Transitions = Readonly<Partial<Record<MessageType, SessionState>>>;

/** What leads on. Loops, abort and error are added below. */
const steps: Readonly<Record<SessionState, Transitions>> = {
  start: { hello: 'greeting' },
  greeting: { welcome: 'ready', refused: 'ended' },
  ready: {
    check: 'checking',
    rehearse: 'rehearsing',
    stage: 'staging',
    resolve: 'resolving',
    fetch: 'fetching',
  },
  checking: { checked: 'ready' },
  rehearsing: { rehearsed: 'ready' },
  staging: { staged: 'staged' },
  staged: { stage: 'staging', 'round-end': 'round', final: 'applying' },
  round: { 'round-acked': 'staged' },
  applying: { prepared: 'prepared' },
  prepared: { commit: 'committing' },
  committing: { running: 'running' },
  running: { late: 'running', forward: 'running' },
  resolving: { resolved: 'resolved' },
  fetching: { missing: 'fetched', complete: 'resolved' },
  fetched: { wanted: 'fetched', complete: 'resolved' },
  resolved: {},
  ended: {},
};

const clockTypes: ReadonlySet<MessageType> = new Set(['clock-probe', 'clock-reply']);
const noticeTypes: ReadonlySet<MessageType> = new Set(['progress', 'log']);
const beforeWelcome: ReadonlySet<SessionState> = new Set(['start', 'greeting']);
const beforePrepared: ReadonlySet<SessionState> = new Set([
  'ready', 'checking', 'rehearsing', 'staging', 'staged', 'round', 'applying',
]); // prettier-ignore

/** Where `type` leads from `state`; undefined: not allowed there. */
export function nextState(state: SessionState, type: MessageType): SessionState | undefined {
  const next = steps[state][type];
  if (next !== undefined) return next;
  if (type === 'error') return 'ended';
  if (type === 'abort') return beforePrepared.has(state) || state === 'prepared' ? 'ended' : undefined;
  if (clockTypes.has(type)) return beforePrepared.has(state) ? state : undefined;
  if (noticeTypes.has(type)) return beforeWelcome.has(state) ? undefined : state;
  return undefined;
}

/** May a link that breaks come back? The tree runs at the source, and nothing waits. */
export function mayResumeIn(state: SessionState): boolean {
  return beforePrepared.has(state) && state !== 'applying';
}

/** May the target's agent be ended without leaving more than its keeper cleans up? */
export function isBeforePrepared(state: SessionState): boolean {
  return beforeWelcome.has(state) || beforePrepared.has(state);
}

export class SessionStates {
  readonly #peer: Side;
  #state: SessionState = 'start';

  constructor(side: Side) {
    this.#peer = side === 'source' ? 'target' : 'source';
  }

  get state(): SessionState {
    return this.#state;
  }

  /** The connection is gone: nothing follows. The state before it is what `state` goes on to tell. */
  sent(type: MessageType): void {
    const next = nextState(this.#state, type);
    if (next === undefined) {
      throw new GodwitError('INTERNAL', `${type} must not be sent in the state "${this.#state}"`);
    }
    this.#state = next;
  }

  /**
   * @returns false for what crossed our own abort or error on the wire: it is of no interest any more.
   * @throws GodwitError PROTOCOL
   */
  received(type: MessageType): boolean {
    if (this.#state === 'ended') return false;
    const next = nextState(this.#state, type);
    if (next === undefined) {
      throw new GodwitError('PROTOCOL', `the ${this.#peer} sent ${type} in the state "${this.#state}"`, {
        hint: 'one of the agents has a bug; please report both logs',
      });
    }
    this.#state = next;
    return true;
  }
}
