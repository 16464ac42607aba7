// Both ends of a page connection, for tests of it.
import t from 'tap';
import type { Test } from 'tap';
import type { GodwitError } from '../../../src/errors.ts';
import { takeOver } from '../../../src/kernel/message-reader.ts';
import { expander } from '../../../src/kernel/page-codec.ts';
import { native } from '../../../src/native.ts';
import type { Patch } from '../../../src/transport/deltas.ts';
import { maxPagePayload } from '../../../src/transport/limits.ts';
import type { PageFrameInfo } from '../../../src/transport/page-frame.ts';
import { PageReceiver } from '../../../src/transport/page-receiver.ts';
import type { PageHandler, TakeOver } from '../../../src/transport/page-receiver.ts';
import { PageSender } from '../../../src/transport/page-sender.ts';
import type { PageSenderOptions } from '../../../src/transport/page-sender-options.ts';
import { websocketPair } from './pair.ts';
import type { End } from './pair.ts';

export const page = 4096;
export const expand = expander(maxPagePayload);
/** What a native reader hashes by. */
export const checksum = (payload: Uint8Array): bigint => native.xxh3(payload);

export function info(pages: number, start = 0): PageFrameInfo {
  return { round: 0, space: 7, kind: 'space', runs: Float64Array.of(start, pages * page), runCount: 1 };
}

/** Runs the test twice: with frames that ws reads, and with frames that a native thread reads. */
export function readEitherWay(name: string, body: (t: Test) => Promise<void>): void {
  for (const isNative of [false, true]) {
    void t.test(`${name} (${isNative ? 'native' : 'ws'})`, async (t) => {
      t.context = { isNative };
      await body(t);
    });
  }
}

/** How `connected` has its frames read: by ws, unless readEitherWay says otherwise. */
export function readingOf(t: Test): TakeOver | undefined {
  const { isNative } = t.context as { readonly isNative?: boolean };
  return isNative === true ? takeOver : undefined;
}

export interface Pair {
  readonly sender: PageSender;
  readonly receiver: PageReceiver;
  readonly problems: GodwitError[];
  readonly senderEnd: End;
  readonly receiverEnd: End;
}

export async function connected(
  t: Test,
  handler: PageHandler,
  blocks = 8,
  options: Partial<PageSenderOptions> = {},
  patch: Patch = () => undefined,
): Promise<Pair> {
  const problems: GodwitError[] = [];
  const receiver = new PageReceiver({
    checksum,
    expand,
    patch,
    handler,
    takeOver: readingOf(t),
    onProblem: (error) => problems.push(error),
  });
  const { client, clientEnd, serverEnd } = await websocketPair(
    t,
    'pages',
    ({ ws, socket }) => new PageSender(ws, socket, { checksum, blocks, ...options }),
    ({ ws, socket }) => {
      receiver.attach(ws, socket);
    },
  );
  return { sender: client, receiver, problems, senderEnd: clientEnd, receiverEnd: serverEnd };
}

export async function sendFilled(sender: PageSender, pages: number, fill: number): Promise<number> {
  const block = await sender.acquire();
  block.payload.subarray(0, pages * page).fill(fill);
  return sender.send(block, info(pages));
}
