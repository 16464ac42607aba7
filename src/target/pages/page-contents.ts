// How a page connection is read, and what it needs to take a frame's content for what it says it is.
import { GodwitError } from '../../errors.ts';
import { alignedBuffer } from '../../kernel/aligned-memory.ts';
import { takeOver } from '../../kernel/message-reader.ts';
import { expander } from '../../kernel/page-codec.ts';
import { errnoName } from '../../kernel/program.ts';
import { native } from '../../native.ts';
import type { Patch } from '../../transport/deltas.ts';
import { maxPagePayload } from '../../transport/limits.ts';
import type { PageReceiverOptions } from '../../transport/page-receiver.ts';
import type { PageWriter } from './page-writer.ts';

/** For one connection: what is expanded is valid until the next frame is. */
export function pageContents(
  writer: Pick<PageWriter, 'bases'>,
): Pick<PageReceiverOptions, 'checksum' | 'expand' | 'patch' | 'takeOver'> {
  return {
    checksum: (payload) => native.xxh3(payload),
    expand: expander(maxPagePayload),
    patch: patcher(writer),
    takeOver,
  };
}

/** Makes pages from deltas and from what the writer has written before. */
function patcher(writer: Pick<PageWriter, 'bases'>): Patch {
  let buffer: Buffer | undefined;
  const failed = new Float64Array(1);
  return ({ kind, space, runs, runCount }, deltas, length) => {
    buffer ??= alignedBuffer(maxPagePayload);
    const pages = buffer.subarray(0, length);
    const { fd, shift, isFile } = writer.bases(kind, space);
    const at = shift === 0 ? runs : runs.map((value, i) => (i % 2 === 0 ? value + shift : value));
    const error = native.patchPages(fd, isFile, at, runCount, deltas, pages, failed);
    if (error === 0) return pages;
    const name = errnoName(error);
    if (name === 'EILSEQ') return undefined;
    const place = `0x${((failed[0] ?? 0) - shift).toString(16)}`;
    const what = kind === 'space' ? `process ${space}` : `shared object ${space}`;
    throw new GodwitError(
      'PROTOCOL',
      `the source changes the page at ${place} of ${what}, which cannot be read here: ${name}`,
      { hint: 'migrate again with --delta-cache 0, which sends whole pages' },
    );
  };
}
