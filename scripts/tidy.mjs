// clang-tidy over the native sources, two at a time. A file that was clean is not looked at again until it, a header,
// or the rules change: parsing napi.h and the kernel's headers takes seconds a file.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { compileFlags, filesBelow, root } from './native-files.mjs';

const cache = join(root, 'build/tidy');
mkdirSync(cache, { recursive: true });
const tool = 'clang-tidy-19';
const version = spawnSync(tool, ['--version'], { encoding: 'utf8' }).stdout;
const headers = filesBelow('native', ['.h']);
const shared = createHash('sha256').update(version);
for (const file of ['.clang-tidy', ...headers]) shared.update(readFileSync(join(root, file)));
const base = shared.digest('hex');

function stampOf(file) {
  const hash = createHash('sha256').update(base).update(file).update(compileFlags(file).join(' '));
  return join(cache, hash.update(readFileSync(join(root, file))).digest('hex'));
}

function tidy(file) {
  return new Promise((resolve) => {
    const args = ['--quiet', file, '--', ...compileFlags(file)];
    const child = spawn(tool, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (out += chunk));
    child.on('close', (code) => {
      if (code === 0) writeFileSync(stampOf(file), '');
      else console.log(out.replace(/^\d+ warnings? .*generated\.\n/gm, '').trim());
      resolve(code === 0);
    });
  });
}

const wanted = process.argv.slice(2);
const all = filesBelow('native', ['.cc']).filter((file) => wanted.length === 0 || wanted.includes(file));
const stale = all.filter((file) => !existsSync(stampOf(file)));
let failed = 0;
await Promise.all(
  [0, 1].map(async () => {
    for (let file = stale.shift(); file !== undefined; file = stale.shift())
      if (!(await tidy(file))) failed += 1;
  }),
);
console.log(`clang-tidy: ${all.length} files, ${failed} with findings`);
process.exitCode = failed > 0 ? 1 : 0;
