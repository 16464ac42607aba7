// `npm run bench [-- name...]`: every bench/*.bench.ts, or those named, one after the other. Each prints ratios measured in one run.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const wanted = process.argv.slice(2);
const names = readdirSync(folder)
  .filter((name) => name.endsWith('.bench.ts'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.startsWith(part)))
  .sort();
let failed = names.length === 0;
if (failed) console.error(`no benchmark is named ${wanted.join(', ')}`);
for (const name of names) {
  console.log(`--- ${name}`);
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', join(folder, name)], {
    stdio: 'inherit',
  });
  failed ||= status !== 0;
}
process.exitCode = failed ? 1 : 0;
