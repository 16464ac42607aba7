// What a page connection needs to take a frame's content for what it says it is.
import { expander } from '../../kernel/page-codec.ts';
import { native } from '../../native.ts';
import { maxPagePayload } from '../../transport/limits.ts';
import type { PageReceiverOptions } from '../../transport/page-receiver.ts';

/** For one connection: what is expanded is valid until the next frame is. */
export function pageContents(): Pick<PageReceiverOptions, 'checksum' | 'expand'> {
  return { checksum: (payload) => native.xxh3(payload), expand: expander(maxPagePayload) };
}
