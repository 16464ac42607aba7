import t from 'tap';
import { GodwitError } from '../../../src/errors.ts';
import { decodeMessage, encodeMessage } from '../../../src/transport/messages.ts';
import type { SourceMessage, TargetMessage } from '../../../src/transport/messages.ts';
import { packMessage } from '../../../src/transport/wire-codec.ts';
import { check, final, hello, stage, welcome } from './samples.ts';

const problem = { code: 'NO_SPACE', message: 'out of memory', hint: 'free some' };
const times = { apply: 3.25, pages: 1 };

const fromSource: SourceMessage[] = [
  hello,
  { ...hello, purpose: 'resolve', cpuFlags: ['avx2'] },
  check,
  stage,
  { type: 'round-end', round: 3, lastSequence: 77 },
  { type: 'clock-probe', n: 1 },
  final,
  { type: 'commit' },
  { type: 'late', segments: Uint8Array.of(1, 2) },
  { type: 'abort', reason: problem },
  { type: 'resolve', migrationId: 'm1', verdict: 'commit' },
  { type: 'error', ...problem },
];
const fromTarget: TargetMessage[] = [
  welcome,
  { type: 'refused', version: 1, ...problem },
  { type: 'checked', blockers: [{ side: 'target', object: 'pid 7', reason: 'taken', remedy: 'end it' }] },
  { type: 'staged', ms: 1.5 },
  { type: 'round-acked', round: 3, lastSequence: 77 },
  { type: 'clock-reply', n: 1, monotonicNs: 5n, boottimeNs: 6n, realtimeNs: 1_700_000_000_000_000_000n },
  { type: 'prepared', times },
  { type: 'running', times, ranMs: 0.4 },
  { type: 'forward', segments: new Uint8Array(), ended: ['10.0.0.5:80 10.0.0.9:4000'] },
  { type: 'resolved', state: 'running' },
  { type: 'progress', step: 'shells', done: 1, total: 2 },
  { type: 'log', level: 'warning', text: 'slow disk' },
  { type: 'error', code: 'INTERNAL', message: 'oops' },
];

void t.test('every message comes back as it was sent, bigints and bytes included', async (t) => {
  for (const message of fromSource)
    t.same(decodeMessage('source', encodeMessage(message)), message, message.type);
  for (const message of fromTarget)
    t.same(decodeMessage('target', encodeMessage(message)), message, message.type);
});

void t.test('bytes inside a message do not keep pointing into the message', async (t) => {
  const bytes = encodeMessage(check);
  const decoded = decodeMessage('source', bytes);
  bytes.fill(0xff);
  t.same(decoded, check);
});

void t.test('purpose may be missing in hello: it is a migration then', async (t) => {
  const { purpose: _purpose, ...rest } = hello;
  t.same(decodeMessage('source', packMessage(rest)), hello);
});

function refusal(from: 'source' | 'target', value: unknown): GodwitError {
  try {
    decodeMessage(from, value instanceof Uint8Array ? value : packMessage(value));
  } catch (error) {
    if (error instanceof GodwitError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

void t.test(
  'another version is refused with both versions in the message, whatever else it holds',
  async (t) => {
    const newer = refusal('source', { type: 'hello', magic: 'godwit', version: 7, somethingNew: [1, 2] });
    t.match(newer, {
      code: 'VERSION',
      message: /source speaks protocol version 7, this host speaks version 1/,
    });
    t.ok(newer.hint);
    t.match(refusal('target', { ...welcome, version: 2 }), {
      code: 'VERSION',
      message: /version 2.*version 1/,
    });
    t.match(refusal('target', { type: 'welcome' }), { code: 'VERSION', message: /missing/ });
  },
);

void t.test('what is not a message of the protocol is a PROTOCOL error that says why', async (t) => {
  const cases: [string, 'source' | 'target', unknown, RegExp][] = [
    ['wrong magic', 'source', { ...hello, magic: 'x' }, /no Godwit source: its magic is "x"/],
    ['unknown type', 'source', { type: 'teleport' }, /unknown type "teleport"/],
    ['a message of the other side', 'target', { type: 'commit' }, /unknown type "commit"/],
    ['no type', 'source', { round: 1 }, /without a type/],
    ['not a map', 'source', [1, 2, 3], /without a type/],
    ['an unknown field', 'source', { type: 'commit', now: true }, /bad commit message/],
    ['a number for a bigint', 'source', { ...stage, clocks: { monotonic: 1, boottime: 1n, realtime: 1n } }, /clocks\.monotonic/],
    ['a path as migration id', 'source', { ...hello, migrationId: '../etc' }, /migrationId/],
    ['garbage', 'source', new Uint8Array([0xc1, 0xff, 0x00]), /not a msgpack message/],
    ['nothing', 'source', new Uint8Array(0), /cut off/],
  ]; // prettier-ignore
  for (const [name, from, value, message] of cases)
    t.match(refusal(from, value), { code: 'PROTOCOL', message }, name);
});

void t.test('a type of 10,000 characters does not fill the log', async (t) => {
  t.ok(refusal('source', { type: 'x'.repeat(10_000) }).message.length < 200);
});
