// Sealing of page frames, which are long: 1 MiB in 0.3 ms, into memory that is used again.
import { native } from '../native.ts';

export function sealInto(key: Uint8Array, counter: number, from: Uint8Array, into: Uint8Array): void {
  native.sealMessage(key, counter, from, into);
}
