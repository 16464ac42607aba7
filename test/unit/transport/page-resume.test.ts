// A page connection that breaks while the tree runs: every frame is written once, in order, and its memory is kept until then.
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { Test } from 'tap';
import { GodwitError } from '../../../src/errors.ts';
import { PageReceiver } from '../../../src/transport/page-receiver.ts';
import type { PageHandler } from '../../../src/transport/page-receiver.ts';
import { PageSender } from '../../../src/transport/page-sender.ts';
import type { Redial } from '../../../src/transport/redial.ts';
import { checksum, expand, info, page, readEitherWay, readingOf, sendFilled } from './page-pair.ts';
import { exchange, type Exchange } from './pair-again.ts';

interface Bed extends Exchange {
  readonly sender: PageSender;
  readonly receiver: PageReceiver;
  readonly problems: GodwitError[];
}

async function connected(t: Test, handler: PageHandler, blocks = 8, redial?: Redial): Promise<Bed> {
  const problems: GodwitError[] = [];
  const receiver = new PageReceiver({
    checksum,
    expand,
    patch: () => undefined,
    handler,
    takeOver: readingOf(t),
    onProblem: (error) => problems.push(error),
  });
  const way = await exchange(t, 'pages', (ws, socket) => {
    receiver.attach(ws, socket);
  });
  let sender: PageSender | undefined;
  await way.dial((ws, socket) => {
    sender = new PageSender(ws, socket, { checksum, blocks, redial: redial ?? way.dial });
  });
  if (sender === undefined) throw new Error('not connected');
  const made = sender;
  t.teardown(() => {
    made.terminate();
    receiver.close();
  });
  return { sender, receiver, problems, ...way };
}

readEitherWay('frames that were under way are written once, in order', async (t) => {
  const written: string[] = [];
  const { sender, receiver, problems, cut } = await connected(t, ({ sequence, payload }) => {
    written.push(`${sequence}:${payload[0] ?? 'none'}:${payload.at(-1) ?? 'none'}`);
  });
  const expected: string[] = [];
  for (let i = 1; i <= 400; i++) {
    if (i % 10 === 0) {
      sender.sendZero(info(8));
      expected.push(`${i}:none:none`);
    } else {
      await sendFilled(sender, 1 + ((i * 37) % 255), i % 256);
      expected.push(`${i}:${i % 256}:${i % 256}`);
    }
    if (i % 23 === 0) cut();
    if (i % 50 === 0) await sender.flush();
  }
  await sender.flush();
  t.strictSame(written, expected);
  t.equal(receiver.lastApplied, 400);
  t.strictSame(problems, []);
});

readEitherWay('a frame that is being written when the link breaks is not written again', async (t) => {
  const written: number[] = [];
  const release: (() => void)[] = [];
  const { sender, problems, cut } = await connected(t, async ({ sequence }) => {
    await new Promise<void>((resolve) => release.push(resolve));
    written.push(sequence);
  });
  await sendFilled(sender, 1, 1);
  await sendFilled(sender, 1, 2);
  while (release.length === 0) await sleep(1);
  cut();
  await sleep(50); // another connection stands, and the first frame is still being written
  const releasing = setInterval(() => release.shift()?.(), 1);
  await sender.flush();
  clearInterval(releasing);
  t.strictSame(written, [1, 2]);
  t.strictSame(problems, []);
});

void t.test('memory of a frame is not used again before it is acknowledged, but in the freeze', async (t) => {
  const { sender, stall, cut } = await connected(t, () => undefined, 2);
  stall();
  await sendFilled(sender, 1, 1);
  await sendFilled(sender, 1, 2);
  let has = false;
  const third = sender.acquire().then((block) => {
    has = true;
    return block;
  });
  await sleep(50);
  t.equal(has, false, 'the kernel has taken both, the target may not have them');
  sender.forbidResuming();
  t.equal((await third).payload.length, 256 * page, 'they will not leave again');
  cut();
  await new Promise((resolve) => {
    sender.ended.addEventListener('abort', resolve);
  });
  t.match(sender.ended.reason, { code: 'PEER' }, 'a break is the end now');
});

void t.test('who waits hears when no connection takes its place', async (t) => {
  const refusing: Redial = async () => Promise.reject(new GodwitError('PEER', 'no route'));
  const { sender, stall, cut } = await connected(t, () => undefined, 8, refusing);
  stall();
  await sendFilled(sender, 1, 1);
  const flushed = sender.flush();
  cut();
  await t.rejects(flushed, { code: 'PEER', message: /no other connection took its place: no route/ });
  t.throws(() => { sender.forbidResuming(); }, { code: 'PEER' }); // prettier-ignore
});
