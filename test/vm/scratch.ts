// Folders that go with this process, also when the runner ends it because its time is over. (What runs in them is bound to the
// process by the kernel: guest.ts.)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const folders = new Set<string>();
const removeAll = (): void => {
  for (const folder of folders) removeScratch(folder);
};
process.once('exit', removeAll);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.prependOnceListener(signal, removeAll);

/** A new one. Its path is short: it may hold unix sockets. */
export function makeScratch(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  folders.add(folder);
  return folder;
}

export function removeScratch(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
  folders.delete(folder);
}
