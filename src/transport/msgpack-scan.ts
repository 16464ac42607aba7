// A walk over msgpack that builds nothing: it proves that a message ends where its bytes end, is not nested too
// deep, has a bounded number of values, and uses no extension type. So the decoder never meets records (which
// generate code), regular expressions, or counts that allocate more than was sent.
import { GodwitError } from '../errors.ts';
import { maxNesting, maxValues } from './limits.ts';

/** Bytes that follow the tag of a scalar of fixed size, by tag 0xc0..0xdf; -1: handled apart. */
const fixedSizes = [
  0, -2, 0, 0, -1, -1, -1, -2, -2, -2, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, -3, -2, -2, -2, -2, -1, -1, -1, -1, -1,
  -1, -1,
];

/** @throws GodwitError PROTOCOL (cut off, extensions, bytes left over) or LIMIT (nesting, values). */
export function scanMsgpack(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const open = new Array<number>(maxNesting).fill(0);
  let depth = 0;
  let values = 0;
  let at = 0;
  let left = 1;
  for (;;) {
    while (left === 0) {
      if (depth === 0) {
        if (at !== bytes.length) throw bad('bytes are left over');
        return;
      }
      left = open[--depth] ?? 0;
    }
    left--;
    if (++values > maxValues) throw new GodwitError('LIMIT', `a message holds more than ${maxValues} values`);
    if (at >= bytes.length) throw bad('it is cut off');
    const tag = view.getUint8(at++);
    let children = 0;
    if (tag < 0x80 || tag >= 0xe0) continue;
    if (tag < 0x90) children = (tag - 0x80) * 2;
    else if (tag < 0xa0) children = tag - 0x90;
    else if (tag < 0xc0) at += tag - 0xa0;
    else {
      const size = fixedSizes[tag - 0xc0] ?? -2;
      if (size >= 0) at += size;
      else if (size === -3 && at + 2 <= bytes.length && view.getUint16(at) === 0)
        at += 2; // undefined
      else if (size === -1) {
        const width = tag >= 0xdc ? 2 << ((tag - 0xdc) & 1) : 1 << (tag >= 0xd9 ? tag - 0xd9 : tag - 0xc4);
        if (at + width > bytes.length) throw bad('it is cut off');
        const length =
          width === 1 ? view.getUint8(at) : width === 2 ? view.getUint16(at) : view.getUint32(at);
        at += width;
        if (tag < 0xdc) at += length;
        else children = tag >= 0xde ? length * 2 : length;
      } else throw bad(`it uses the extension tag 0x${tag.toString(16)}`);
    }
    if (at > bytes.length) throw bad('it is cut off');
    if (children === 0) continue;
    // Each value takes at least one byte: a count past the end is refused before anything is allocated.
    if (children > bytes.length - at) throw bad('it is cut off');
    if (depth === maxNesting)
      throw new GodwitError('LIMIT', `a message is nested more than ${maxNesting} deep`);
    open[depth++] = left;
    left = children;
  }
}

function bad(why: string): GodwitError {
  return new GodwitError('PROTOCOL', `not a msgpack message: ${why}`);
}
