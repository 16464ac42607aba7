// `npm run format [path...]`: prettier and clang-format, over everything or over the paths given.
import { spawnSync } from 'node:child_process';
import { filesBelow, root } from './native-files.mjs';

const paths = process.argv.slice(2);
const isNative = (path) => /\.(cc|h)$/.test(path);
const cpp = paths.length === 0 ? filesBelow('native', ['.cc', '.h']) : paths.filter(isNative);
const other = paths.length === 0 ? ['.'] : paths.filter((path) => !isNative(path));

function run(command, args) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
if (other.length > 0) run(`${root}/node_modules/.bin/prettier`, ['--write', '--log-level=warn', ...other]);
if (cpp.length > 0) run('clang-format-19', ['-i', ...cpp]);
