// Whether some tree on this host still waits for memory from the host that it came from: who guards memory by userfaultfd is godwit then.
import { Keeper } from '../../kernel/keeper.ts';
import { listMigrations } from '../../kernel/run-dir.ts';

export function inPostCopy(): boolean {
  return listMigrations().some(({ id, role }) => role === 'target' && missingOf(id) > 0);
}

function missingOf(id: string): number {
  try {
    const keeper = Keeper.connect(id, 'target');
    const { missing } = keeper.status();
    void keeper.close();
    return missing;
  } catch {
    return 0; // it has just ended
  }
}
