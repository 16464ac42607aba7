// Everything that takes bytes of a peer, with valid ones to begin with. Each takes them, or throws a GodwitError that is no bug of ours.
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { updated } from '../../../src/images/layout-update.ts';
import { alignedBuffer } from '../../../src/kernel/aligned-memory.ts';
import { expander } from '../../../src/kernel/page-codec.ts';
import { sealInto } from '../../../src/kernel/seal-into.ts';
import { native } from '../../../src/native.ts';
import { serverNameIn } from '../../../src/target/security/client-hello.ts';
import { readUpgrade } from '../../../src/target/upgrade.ts';
import { headRoom, maxPagePayload } from '../../../src/transport/limits.ts';
import { decodeMessage, encodeMessage } from '../../../src/transport/messages.ts';
import type { Side, SourceMessage, TargetMessage } from '../../../src/transport/messages.ts';
import { decodeAck, encodeAck } from '../../../src/transport/page-ack.ts';
import { decodePageFrame, encodeInFront } from '../../../src/transport/page-frame.ts';
import type { PageFrameInfo } from '../../../src/transport/page-frame.ts';
import { PageKeys } from '../../../src/transport/page-keys.ts';
import { Opener, tagBytes } from '../../../src/transport/sealing.ts';
import { securityOf } from '../../../src/transport/security.ts';
import { parseKey } from '../../../src/transport/transfer-key.ts';
import { check, final, hello, stage, welcome } from '../../unit/transport/samples.ts';

export interface Door {
  readonly name: string;
  readonly valid: readonly Uint8Array[];
  /** They are msgpack, and may be changed as such. */
  readonly isPacked: boolean;
  readonly take: (bytes: Buffer) => void;
}

const problem = { code: 'NO_SPACE', message: 'out of memory', hint: 'free some' };
const page = 4096;

const sourceMessages: SourceMessage[] = [
  hello, check, stage, final, { type: 'commit' }, { type: 'round-end', round: 3, lastSequence: 7 },
  { type: 'clock-probe', n: 1 }, { type: 'late', segments: Uint8Array.of(1, 2) }, { type: 'fetch', migrationId: 'm' },
  { type: 'abort', reason: problem }, { type: 'resolve', migrationId: 'm1', verdict: 'commit' }, { type: 'error', ...problem },
]; // prettier-ignore
const targetMessages: TargetMessage[] = [
  welcome, { type: 'refused', version: 1, ...problem }, { type: 'staged', ms: 1.5 }, { type: 'prepared', times: { apply: 1 } },
  { type: 'checked', blockers: [{ side: 'target', object: 'pid 7', reason: 'taken', remedy: 'end it' }] },
  { type: 'clock-reply', n: 1, monotonicNs: 5n, boottimeNs: 6n, realtimeNs: 7n }, { type: 'resolved', state: 'running' },
  { type: 'missing', spaces: [{ space: 7, runs: new Uint8Array(16) }] }, { type: 'wanted', pages: [{ space: 7, address: 4096 }] },
  { type: 'forward', segments: new Uint8Array(), ended: ['10.0.0.5:80 10.0.0.9:4000'] }, { type: 'log', level: 'info', text: 'x' },
]; // prettier-ignore

function messages(from: Side, valid: readonly (SourceMessage | TargetMessage)[]): Door {
  return {
    name: `messages of the ${from}`,
    valid: valid.map(encodeMessage),
    isPacked: true,
    take: (bytes) => {
      const message = decodeMessage(from, bytes);
      if (message.type === 'stage') updated(undefined, message.layout);
      if (message.type === 'final') updated(undefined, message.layout);
    },
  };
}

/** Plain, zero, compressed and as deltas; bases come from a file of pages. */
async function frames(): Promise<Door & Disposable> {
  const path = join(tmpdir(), `godwit-mutation-${process.pid}`);
  const content = Buffer.alloc(16 * page, 'the pages that deltas are against');
  writeFileSync(path, content);
  const fd = openSync(path, 'r+');
  const pages = Buffer.from(content.subarray(0, 4 * page));
  const info: PageFrameInfo = { round: 1, space: 7, kind: 'object', runs: Float64Array.of(0, 2 * page, 4 * page, 2 * page), runCount: 2 };
  const make = (payload: Uint8Array, more: { codec?: 'lz4' | 'zstd'; delta?: number; zero?: boolean }): Buffer => {
    const block = Buffer.alloc(headRoom + payload.length);
    block.set(payload, headRoom);
    const rest = { sequence: 1, zero: false, checksum: native.xxh3(pages), ...more };
    return block.subarray(encodeInFront(block, headRoom, info, rest));
  };
  const packed = async (codec: number): Promise<Buffer> => {
    const into = Buffer.alloc(2 * pages.length);
    return into.subarray(0, await native.compress(codec, pages, into));
  };
  // Of each page: ten words that stay, two that follow, the rest stays.
  const delta = Buffer.concat(Array.from({ length: 4 }, () => Buffer.from([18, 0, 10, 2, ...Buffer.alloc(16, 9)])));
  const buffer = alignedBuffer(maxPagePayload);
  const failed = new Float64Array(1);
  const contents = {
    checksum: (payload: Uint8Array) => native.xxh3(payload),
    expand: expander(maxPagePayload),
    patch: ({ runs, runCount }: Pick<PageFrameInfo, 'runs' | 'runCount'>, deltas: Uint8Array, length: number) => {
      const into = buffer.subarray(0, length);
      return native.patchPages(fd, true, runs, runCount, deltas, into, failed) === 0 ? into : undefined;
    },
  };
  const lz4 = await packed(0);
  return {
    name: 'page frames',
    valid: [make(pages, {}), make(lz4, { codec: 'lz4' }), make(await packed(1), { codec: 'zstd' }), make(delta, { delta: delta.length }), make(Buffer.alloc(0), { zero: true })],
    isPacked: false,
    take: (bytes) => {
      decodePageFrame(bytes, contents);
    },
    [Symbol.dispose]: () => {
      closeSync(fd);
      rmSync(path);
    },
  };
} // prettier-ignore

function sealed(): Door {
  const key = randomBytes(32);
  const message = Buffer.from('a page frame');
  const valid = Buffer.alloc(message.length + tagBytes);
  sealInto(key, 0, message, valid);
  return {
    name: 'sealed messages',
    valid: [valid],
    isPacked: false,
    take: (bytes) => {
      const opened = new Opener(key).open(bytes);
      if (opened !== undefined && !opened.equals(message)) throw new Error('a forged message was opened');
    },
  };
}

function words(): Door {
  const heads = [
    '/v1/control?migration=m1&purpose=migrate',
    '/v1/pages/m1',
    'gw1_' + 'A'.repeat(86),
    '1.' + 'A'.repeat(43),
  ];
  const keys = new PageKeys(Buffer.alloc(32));
  const attempt = (use: () => unknown): void => {
    try {
      use();
    } catch (error) {
      if ((error as { code?: string }).code !== 'USAGE') throw error;
    }
  };
  return {
    name: 'requests and keys',
    valid: heads.map((head) => Buffer.from(head)),
    isPacked: false,
    take: (bytes) => {
      const text = bytes.toString('latin1');
      const headers = { upgrade: 'websocket', 'sec-websocket-protocol': 'godwit', connection: text };
      readUpgrade({ method: 'GET', url: text, headers } as unknown as IncomingMessage);
      attempt(() => parseKey(text, '--key'));
      if (keys.accept(text) !== undefined) throw new Error('a proof was guessed');
      securityOf({ kind: 'session', pin: text, secret: text });
    },
  };
}

function small(): Door {
  const hello = Buffer.concat([Buffer.from([22, 3, 1, 0, 60, 1, 0, 0, 56, 3, 3]), Buffer.alloc(32), Buffer.from([0, 0, 2, 19, 1, 1, 0, 0, 13, 0, 0, 0, 9, 0, 7, 0, 0, 4, 109, 46, 103, 119])]);
  return {
    name: 'acknowledgements and ClientHellos',
    valid: [encodeAck(7), hello],
    isPacked: false,
    take: (bytes) => {
      decodeAck(bytes);
      serverNameIn(bytes);
    },
  };
} // prettier-ignore

export async function allDoors(): Promise<{ readonly doors: readonly Door[] } & Disposable> {
  const pageFrames = await frames();
  const doors = [messages('source', sourceMessages), messages('target', targetMessages), pageFrames, sealed(), words(), small()];
  return { doors, [Symbol.dispose]: () => { pageFrames[Symbol.dispose](); } };
} // prettier-ignore
