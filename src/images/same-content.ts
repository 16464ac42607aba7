// When a layout changes: what stays where it is, with its pages, and what is mapped afresh. The target acts by it, and the source sends
// again what it has lost by that: both must mean the same.
import type { Mapping } from './memory.ts';

/** May pages stay where they are? Everything but protection, advice, name and locks is the same. */
export function isSameContent(a: Mapping, b: Mapping): boolean {
  if (a.kind !== b.kind || a.shared !== b.shared || a.growsDown !== b.growsDown) return false;
  if (a.hugePage !== b.hugePage) return false;
  if (a.noReserve !== b.noReserve || a.writable !== b.writable || a.source !== b.source) return false;
  if (a.kind === 'aio') return a.start === b.start && a.end === b.end;
  return a.kind === 'anonymous' || a.offset - a.start === b.offset - b.start;
}
