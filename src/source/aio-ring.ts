// Rings of io_setup(2): a mapping whose first page tells how large it is. An idle ring is made anew on the target.
import type { Vma } from '../kernel/proc/maps.ts';
import { native } from '../native.ts';

/** struct aio_ring (fs/aio.c): id, nr, head, tail, magic, compat, incompat, header length; all u32. */
const headerLength = 32;
/** struct io_event: 32 bytes. */
const eventLength = 32;

export interface AioRing {
  readonly slots: number;
  readonly head: number;
  readonly tail: number;
}

export function readAioRing(pid: number, vma: Vma): AioRing | undefined {
  const header = new Uint8Array(headerLength);
  if (native.readMemory(pid, Float64Array.of(vma.start, headerLength), 1, header) !== headerLength)
    return undefined;
  const [, slots = 0, head = 0, tail = 0] = new Uint32Array(header.buffer);
  return { slots, head, tail };
}

/**
 * What to ask io_setup(2) for so that the ring gets the same size. fs/aio.c, ioctx_alloc: the kernel raises the number to
 * at least four per possible CPU, doubles it, adds two, and fills whole pages with it.
 */
export function aioEvents(pid: number, vma: Vma): number {
  const slots =
    readAioRing(pid, vma)?.slots ?? Math.floor((vma.end - vma.start - headerLength) / eventLength);
  return Math.max(1, Math.floor((slots - 2) / 2));
}
