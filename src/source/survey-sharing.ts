// What processes have in common by flags of clone(2) and the target cannot give them: only a parent can, at birth.
import type { Blocker } from '../images/requirements.ts';
import { may } from '../kernel/rights.ts';
import { waitsInVfork } from '../kernel/vfork-wait.ts';
import { inheritable, sharers, sharingStrangers } from './sharing.ts';
import type { SourceProcess } from './tree.ts';

/** Stands in the way for a moment only, as a rule. */
export const inVfork = 'the first waits in vfork for the second, with which it shares its memory meanwhile';

/** Two processes of one address space, descriptor table or file-system state (clone flags of vfork and its kin). */
export function surveySharing(processes: readonly SourceProcess[]): Blocker[] {
  const alive = processes.filter(({ zombie }) => zombie === undefined);
  const lent = sharers(alive, 'memory').filter(([first]) =>
    first.threads.some(({ tid }) => waitsInVfork(tid)),
  );
  const isLent = (first: SourceProcess): boolean => lent.some(([lender]) => lender === first);
  return [
    ...lent.map(([first, second]) =>
      blocker(first, second, inVfork, 'wait until the second executes a program or ends'),
    ),
    ...surveyTables(alive),
    ...inheritable.flatMap(([kind, what]) =>
      sharingStrangers(kind, alive)
        .filter(([first]) => kind !== 'memory' || !isLent(first))
        .map(([first, second]) =>
          blocker(
            first,
            second,
            `they share ${what}, and not with their parent`,
            'none in this version: start the program without it',
          ),
        ),
    ),
  ];
}

/** Without map_files a process has our descriptor for three system calls (LiveProcess.open): nobody else may see it meanwhile. */
function surveyTables(alive: readonly SourceProcess[]): Blocker[] {
  if (may('map-files')) return [];
  const reason =
    'they share one descriptor table (CLONE_FILES), in which only an agent with CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN needs no place';
  return sharers(alive, 'descriptors').map(([first, second]) =>
    blocker(first, second, reason, 'run migrate as root'),
  );
}

function blocker(first: SourceProcess, second: SourceProcess, reason: string, remedy: string): Blocker {
  return { side: 'source', object: `processes ${first.pid} and ${second.pid}`, reason, remedy };
}
