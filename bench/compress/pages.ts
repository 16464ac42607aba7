// Pages to be compressed: a heap as that of a key-value store, and random bytes.
import { randomFillSync } from 'node:crypto';

export type Kind = 'redis-like' | 'random';

/**
 * Hash table entries (three pointers), key strings and values one after the other as an allocator lays them: values are words
 * that repeat and numbers, of which a third are random. A redis with values of 1000 bytes compresses about as well.
 */
function heap(bytes: number): Buffer {
  const memory = Buffer.alloc(bytes);
  const words = ['session', 'user', 'true', 'false', '"name":', '"id":', 'example.org', 'null', '2026-11-'];
  let random = 88172645463325252n;
  const next = (): number => {
    random ^= (random << 13n) & 0xffff_ffff_ffff_ffffn;
    random ^= random >> 7n;
    random ^= (random << 17n) & 0xffff_ffff_ffff_ffffn;
    return Number(random & 0x7fff_ffffn);
  };
  const base = 0x7f3a_0000_0000n;
  for (let at = 0, key = 0; at + 1024 < bytes; key++) {
    for (let pointer = 0; pointer < 3; pointer++)
      memory.writeBigUInt64LE(base + BigInt(at + (next() % 65_536) * 16), at + 8 * pointer);
    at += 24;
    at += memory.write(`key:${String(key).padStart(12, '0')}`, at, 'latin1') + 8;
    let value = '';
    while (value.length < 200 + (key % 5) * 60)
      value += `${words[next() % words.length] ?? ''}${key % 3 === 0 ? next().toString(36) : key},`;
    at += memory.write(value, at, 'latin1');
    at = (at + 63) & ~15; // what the allocator rounds up to stays zero
  }
  return memory;
}

export function pagesOf(kind: Kind, bytes: number): Buffer {
  return kind === 'random' ? randomFillSync(Buffer.allocUnsafe(bytes)) : heap(bytes);
}
