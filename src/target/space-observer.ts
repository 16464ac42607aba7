// Keeps the writer of pages up to date about the shells.
import { runsOf } from '../kernel/page-runs.ts';
import type { PageWriter } from './pages/page-writer.ts';
import type { SpaceObserver } from './shell-tree.ts';

export function observerOf(writer: PageWriter): SpaceObserver {
  return {
    born: (vpid, pid, clonedFrom) => {
      writer.addSpace(vpid, pid, clonedFrom);
    },
    ended: (vpid) => {
      writer.removeSpace(vpid);
    },
    mapped: (vpid, mappings, gone) => {
      if (gone.length > 0) writer.dropped(vpid, runsOf(gone));
      writer.updateSpace(vpid, mappings);
    },
  };
}
