// `npm run check [step...]`: every rule that a commit must keep. All steps run, the summary is at the end.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { filesBelow, root } from './native-files.mjs';

const nativeSources = () => filesBelow('native', ['.cc', '.h']);
const folders = () => ['src', 'test', 'bench'].filter((folder) => existsSync(`${root}/${folder}`));
const steps = {
  prettier: ['prettier', '--check', '--log-level=warn', '.'],
  types: ['tsc', '-p', 'tsconfig.json'],
  'build types': ['tsc', '-p', 'tsconfig.build.json', '--noEmit', '--incremental', 'false'],
  eslint: ['eslint', '--max-warnings=0', '.'],
  layers: () => ['depcruise', '--config', '.dependency-cruiser.cjs', ...folders()],
  unused: ['knip'],
  'clang-format': () => ['clang-format-19', '--dry-run', '-Werror', ...nativeSources()],
  'clang-tidy': ['node', 'scripts/tidy.mjs'],
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in steps));
if (unknown.length > 0) {
  console.error(`no such step: ${unknown.join(', ')}; there are: ${Object.keys(steps).join(', ')}`);
  process.exit(2);
}

const path = `${root}/node_modules/.bin:${process.env.PATH}`;
const results = [];
for (const [name, step] of Object.entries(steps)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  console.log(`--- ${name}`);
  const began = performance.now();
  const [command, ...args] = typeof step === 'function' ? step() : step;
  const run = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, PATH: path } });
  if (run.error)
    console.error(`${command}: ${run.error.message} (scripts/setup.sh installs what is missing)`);
  results.push({ name, ok: run.status === 0, seconds: (performance.now() - began) / 1000 });
}

console.log('\ncheck:');
for (const { name, ok, seconds } of results) {
  console.log(`  ${ok ? 'ok    ' : 'FAILED'}  ${name.padEnd(13)} ${seconds.toFixed(1)} s`);
}
process.exitCode = results.every((result) => result.ok) ? 0 : 1;
