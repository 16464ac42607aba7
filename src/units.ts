// Sizes and conversions that more than one layer needs.

/** Bytes of a page. x86-64 has no other base page size. */
export const pageSize = 4096;

/** First address above user space (47-bit; five-level paging hands out more only on request). */
export const userEnd = 0x7fff_ffff_f000;

export const nsPerSec = 1_000_000_000n;
