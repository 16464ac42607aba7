// Bytes that a hostile peer may send: valid ones with something wrong, by a seed. Below msgpack (bytes changed, left out, repeated, put in from
// another message) and above it (a value in the place of another one, of any kind and size).
import { packMessage, unpackMessage } from '../../../src/transport/wire-codec.ts';

export type Below = (below: number) => number;

/** Numbers below `below`, the same ones for a seed (mulberry32). */
export function numbers(seed: number): Below {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const edges = [0, 1, 0x7f, 0x80, 0xc0, 0xc1, 0xcf, 0xd3, 0xdc, 0xdd, 0xde, 0xdf, 0xff];

/** A changed copy; `others`: where parts may come from. */
export function mutateBytes(bytes: Uint8Array, others: readonly Uint8Array[], next: Below): Buffer {
  let changed = Buffer.from(bytes);
  for (let n = 1 + next(4); n > 0; n--) {
    const at = next(changed.length + 1);
    const length = next(Math.min(64, changed.length - at) + 1);
    const part = (from: Uint8Array): Buffer => {
      const start = next(from.length + 1);
      return Buffer.from(from.subarray(start, start + next(64)));
    };
    const [before, behind] = [changed.subarray(0, at), changed.subarray(at + length)];
    switch (next(8)) {
      case 0:
        changed = Buffer.concat([before, behind]);
        break;
      case 1:
        changed = Buffer.concat([changed.subarray(0, at + length), changed.subarray(at)]);
        break;
      case 2:
        changed = Buffer.concat([before, part(others[next(others.length)] ?? bytes), behind]);
        break;
      case 3:
        changed = Buffer.from(before);
        break;
      case 4:
        if (at + 4 <= changed.length) changed.writeUInt32LE(next(2 ** 32), at);
        break;
      case 5:
        if (at < changed.length) changed[at] = edges[next(edges.length)] ?? 0;
        break;
      default:
        if (at < changed.length) changed[at] = (changed[at] ?? 0) ^ (1 << next(8));
    }
  }
  return changed;
}

const strange: readonly (() => unknown)[] = [
  () => -1,
  () => 0,
  () => NaN,
  () => Infinity,
  () => 1.5,
  () => 2 ** 53,
  () => 2n ** 64n - 1n,
  () => -(2n ** 63n),
  () => '',
  () => '../../../etc/shadow',
  () => '/proc/self/mem\0',
  () => 'x'.repeat(100_000),
  () => '__proto__',
  () => null,
  () => true,
  () => [],
  () => ({}),
  () => new Uint8Array(0),
  () => new Uint8Array(70_000),
  () => Array.from({ length: 40_000 }, () => 0),
  () => nested(31),
  () => nested(200),
];

function nested(levels: number): unknown {
  let value: unknown = 0;
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

/** The same with a value changed that it has somewhere inside. */
export function mutateValue(bytes: Uint8Array, next: Below): Buffer {
  let value = unpackMessage(bytes);
  for (let n = 1 + next(3); n > 0; n--) value = changeIn(value, next);
  return packMessage(value);
}

function changeIn(value: unknown, next: Below): unknown {
  const isInner = typeof value === 'object' && value !== null && !ArrayBuffer.isView(value);
  if (!isInner || next(6) === 0) return strange[next(strange.length)]?.();
  const keys = Object.keys(value);
  const key = keys[next(keys.length)];
  const inner = value as Record<string, unknown>;
  const what = next(10);
  if (what === 0 || key === undefined) {
    if (Array.isArray(value)) value.push(strange[next(strange.length)]?.());
    else
      inner[['unknown', 'type', 'layout', 'constructor'][next(4)] ?? ''] = strange[next(strange.length)]?.();
  } else if (what === 1 && Array.isArray(value)) value.splice(Number(key), 1);
  else if (what === 1) Reflect.deleteProperty(value, key);
  else if (what === 2 && Array.isArray(value)) value.push(value[Number(key)]);
  else if (what === 3) inner[key] = inner[keys[next(keys.length)] ?? key];
  else inner[key] = changeIn(inner[key], next);
  return value;
}
