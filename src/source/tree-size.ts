// What a tree consists of, for the prediction (costs.ts): counted while it runs, and again when some time has passed.
import { performance } from 'node:perf_hooks';
import { hasOtherNetwork } from '../kernel/network-namespace.ts';
import { unixSockets } from '../kernel/sockets.ts';
import { readResidentPages } from '../kernel/proc/statm.ts';
import { native } from '../native.ts';
import { pageSize } from '../units.ts';
import type { TreeSize } from './costs.ts';
import type { SourceProcess } from './tree.ts';
import type { VmasOf } from './wire.ts';

/** Tables of descriptors, and how much memory is there, are read again after this long. */
const freshMs = 1000;

type Counted = Pick<TreeSize, 'descriptors' | 'unixSockets' | 'inetSockets' | 'gibibytes'>;

export class TreeSizer {
  #counted: Counted | undefined;
  #countedAt = 0;

  /** `processes`: with memory, or without. What ends meanwhile does not count. */
  sizeOf(processes: readonly SourceProcess[], vmasOf: VmasOf): TreeSize {
    const now = performance.now();
    if (this.#counted === undefined || now - this.#countedAt > freshMs) {
      this.#counted = { ...countOpen(processes), gibibytes: gibibytesOf(processes) };
      this.#countedAt = now;
    }
    return {
      processes: processes.length,
      threads: processes.reduce((sum, { threads }) => sum + threads.length, 0),
      mappings: [...vmasOf.values()].reduce((sum, vmas) => sum + vmas.length, 0),
      ...this.#counted,
    };
  }
}

/** What processes share counts for each: it is looked through for each. */
function gibibytesOf(processes: readonly SourceProcess[]): number {
  return (processes.reduce((sum, { pid }) => sum + (readResidentPages(pid) ?? 0), 0) * pageSize) / 2 ** 30;
}

/** Every descriptor counts, also those of a table that processes share: it is rare, and the model is no exact one. */
function countOpen(processes: readonly SourceProcess[]): Omit<Counted, 'gibibytes'> {
  let descriptors = 0;
  const sockets: number[] = [];
  for (const { pid } of processes) {
    const text = native.readDescriptors(pid);
    if (typeof text === 'number') continue; // it has ended
    const fields = text.split('\0');
    for (let i = 1; i + 2 < fields.length; i += 3) {
      descriptors++;
      const inode = /^socket:\[(\d+)\]$/.exec(fields[i] ?? '')?.[1];
      if (inode !== undefined) sockets.push(Number(inode));
    }
  }
  const [{ pid } = { pid: 0 }] = processes;
  const unix = sockets.length === 0 ? undefined : unixSockets(hasOtherNetwork(pid) ? pid : undefined);
  const unixCount = sockets.filter((inode) => unix?.has(inode)).length;
  return { descriptors, unixSockets: unixCount, inetSockets: sockets.length - unixCount };
}
