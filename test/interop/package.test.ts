// The package as a user gets it: packed, installed without a compiler, run on every Node that is supported.
// Slow (about a minute): it packs, then installs once for each Node. Needs the npm registry or npm's cache.
import t from 'tap';
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'godwit-package-'));
t.teardown(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** What this test was started with would change what the npm that it starts does. */
const cleanEnv = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(TAP|npm_(package|lifecycle|config_local|config_prefix)|NODE_OPTIONS)/.test(name),
  ),
);

const which = (name: string): string => {
  const found = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error(`${name} is not in PATH`);
  return realpathSync(found);
};
const npmCli = which('npm');

/** A PATH with a shell and this Node, and nothing that compiles. */
function barePath(node: string): string {
  const bin = mkdtempSync(join(dir, 'bin-'));
  for (const name of ['sh', 'env', 'uname']) symlinkSync(which(name), join(bin, name));
  symlinkSync(node, join(bin, 'node'));
  return bin;
}

/** The binary of another major version, by npm; undefined when npm cannot get it. */
async function nodeOf(major: string): Promise<string | undefined> {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const args = ['-y', '-p', `node@${major}`, 'node', '-p', 'process.execPath'];
  try {
    return (await run('npx', args, { cwd: dir, env: cleanEnv })).stdout.trim();
  } catch {
    return undefined;
  }
}

await run('npm', ['pack', '--pack-destination', dir], { cwd: root, env: cleanEnv, maxBuffer: 1 << 24 });
// All that is awaited outside a test comes first: tap ends the file when no test is under way.
const nodes: [string, string | undefined][] = [];
for (const major of ['20', '22', '24']) nodes.push([major, await nodeOf(major)]);
const tarball = join(dir, readdirSync(dir).find((name) => name.endsWith('.tgz')) ?? 'none');

await t.test('the tarball holds the products and none of the tests', async (t) => {
  const { stdout } = await run('tar', ['tzf', tarball], { maxBuffer: 1 << 24 });
  const files = stdout.trim().split('\n');
  for (const file of [
    'prebuilds/linux-x64/godwit.glibc.node',
    'prebuilds/linux-x64/godwit-keeper',
    'dist/index.js',
    'dist/index.d.ts',
    'LICENSE',
  ]) {
    t.ok(files.includes(`package/${file}`), file);
  }
  t.notOk(files.some((file) => /^package\/(test|bench|build|src)\//.test(file)));
});

await t.test('publint and are-the-types-wrong find nothing', async (t) => {
  await t.resolves(run(join(root, 'node_modules/.bin/publint'), ['--strict', tarball], { env: cleanEnv }));
  await t.resolves(
    run(join(root, 'node_modules/.bin/attw'), ['--profile', 'esm-only', tarball], { env: cleanEnv }),
  );
});

for (const [major, node] of nodes) {
  const skip = node === undefined ? `npm cannot get node@${major}` : false;
  await t.test(`it installs without a compiler and works on Node ${major}`, { skip }, async (t) => {
    if (node === undefined) return;
    const app = join(dir, `app-${major}`);
    mkdirSync(app);
    writeFileSync(join(app, 'package.json'), '{ "name": "app", "version": "1.0.0", "type": "module" }');
    const env = { ...cleanEnv, PATH: barePath(node) };
    await run(node, [npmCli, 'install', '--prefer-offline', '--no-audit', '--no-fund', tarball], {
      cwd: app,
      env,
    });
    t.notOk(existsSync(join(app, 'node_modules/godwit/build')), 'nothing was compiled');

    const imported = await run(
      node,
      ['-e', "import('godwit').then((g) => console.log(g.exitCodes.inDoubt))"],
      { cwd: app, env },
    );
    t.equal(imported.stdout.trim(), '4', 'the library is imported');
    for (const bin of ['godwit', 'migrate', 'receive']) {
      const help = await run(join(app, 'node_modules/.bin', bin), ['--help'], { cwd: app, env });
      t.match(help.stdout, /--help/, `${bin} --help`);
    }
    const check = await run(join(app, 'node_modules/.bin/godwit'), ['check'], { cwd: app, env }).catch(
      (error: unknown) => error as { stdout: string; code: number },
    );
    t.match(check.stdout, /Looks good|missing/, check.stdout);
    if (process.getuid?.() === 0)
      t.notOk('code' in check, 'root on a supported kernel: godwit check exits 0');
  });
}
