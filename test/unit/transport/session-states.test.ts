import t from 'tap';
import { isBeforePrepared, nextState, SessionStates } from '../../../src/transport/session-states.ts';
import type { MessageType, SessionState } from '../../../src/transport/session-states.ts';

const flight: [MessageType, SessionState][] = [
  ['hello', 'greeting'],
  ['welcome', 'ready'],
  ['check', 'checking'],
  ['checked', 'ready'],
  ['clock-probe', 'ready'],
  ['clock-reply', 'ready'],
  ['stage', 'staging'],
  ['progress', 'staging'],
  ['staged', 'staged'],
  ['round-end', 'round'],
  ['round-acked', 'staged'],
  ['stage', 'staging'],
  ['staged', 'staged'],
  ['final', 'applying'],
  ['log', 'applying'],
  ['prepared', 'prepared'],
  ['commit', 'committing'],
  ['running', 'running'],
];

void t.test('a whole flight is allowed on both sides', async (t) => {
  const fromSource = new Set<MessageType>([
    'hello',
    'check',
    'stage',
    'round-end',
    'clock-probe',
    'final',
    'commit',
  ]);
  const source = new SessionStates('source');
  const target = new SessionStates('target');
  for (const [type, state] of flight) {
    const [sender, receiver] = fromSource.has(type) ? [source, target] : [target, source];
    sender.sent(type);
    t.ok(receiver.received(type));
    t.equal(source.state, state);
    t.equal(target.state, state);
  }
});

void t.test('a message in the wrong state is a PROTOCOL error of the peer, and a bug of ours', async (t) => {
  const target = new SessionStates('target');
  t.throws(() => target.received('commit'), {
    code: 'PROTOCOL',
    message: /source sent commit in the state "start"/,
  });
  t.throws(() => { target.sent('prepared'); }, { code: 'INTERNAL' }); // prettier-ignore
  t.equal(target.state, 'start', 'nothing has changed');
});

void t.test('commit is allowed in one state only, and after it nothing can be aborted', async (t) => {
  const states = new Set(flight.map(([, state]) => state));
  t.same(
    [...states].filter((state) => nextState(state, 'commit') !== undefined),
    ['prepared'],
  );
  t.equal(nextState('prepared', 'abort'), 'ended');
  t.equal(nextState('committing', 'abort'), undefined);
  t.equal(nextState('running', 'abort'), undefined);
});

void t.test('what crosses our abort on the wire is ignored', async (t) => {
  const source = new SessionStates('source');
  source.sent('hello');
  source.received('welcome');
  source.sent('stage');
  source.sent('abort');
  t.equal(source.received('staged'), false);
  t.equal(source.state, 'ended');
});

void t.test('an agent may be ended until PREPARED', async (t) => {
  t.same(
    (['start', 'ready', 'staging', 'round', 'applying'] as const).filter((state) => !isBeforePrepared(state)),
    [],
  );
  t.same((['prepared', 'committing', 'running', 'resolving'] as const).filter(isBeforePrepared), []);
});

void t.test('a connection for resolve knows nothing but resolve', async (t) => {
  t.equal(nextState('ready', 'resolve'), 'resolving');
  t.equal(nextState('resolving', 'resolved'), 'resolved');
  t.equal(nextState('staged', 'resolve'), undefined);
  t.equal(nextState('resolved', 'stage'), undefined);
});
