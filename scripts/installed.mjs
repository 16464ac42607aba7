// Exits 0 when node_modules holds what package-lock.json says, 1 when `npm ci` is due. Optional packages of other
// platforms may be absent.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = dirname(import.meta.dirname ?? process.cwd());
const packagesOf = (file) => JSON.parse(readFileSync(join(root, file), 'utf8')).packages;

function isInstalled() {
  try {
    const there = packagesOf('node_modules/.package-lock.json');
    return Object.entries(packagesOf('package-lock.json')).every(
      ([path, wanted]) =>
        path === '' || (there[path]?.version ?? (wanted.optional && wanted.version)) === wanted.version,
    );
  } catch {
    return false;
  }
}
process.exitCode = isInstalled() ? 0 : 1;
