// One process of the tree as the target is to bear it.
import type { ProcessLayout } from '../images/layout.ts';
import { sharesWithParent } from './sharing.ts';
import type { SourceProcess } from './tree.ts';

/** `shown`: a parent that is not among them has ended since its children were read. */
export function processLayout(
  process: SourceProcess,
  shown: ReadonlySet<SourceProcess>,
  inherits: boolean,
  terminal: ProcessLayout['terminal'],
): ProcessLayout {
  const { parent } = process;
  const isShown = parent !== undefined && shown.has(parent);
  const canShare = isShown && process.zombie === undefined;
  return {
    pid: process.vpid,
    ppid: isShown ? parent.vpid : 0,
    pgid: process.pgid,
    sid: process.sid,
    threads: process.threads.map((thread) => thread.vtid),
    exitSignal: process.exitSignal < 0 ? 17 : process.exitSignal,
    inherits,
    sharesPlaces: canShare && sharesWithParent('places', process),
    sharesDescriptors: canShare && sharesWithParent('descriptors', process),
    ...(terminal === undefined ? {} : { terminal }),
    ...(process.zombie === undefined ? {} : { zombie: process.zombie }),
  };
}
