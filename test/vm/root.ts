// The root file system of the machines: busybox, this very Node.js, redis, the workloads, and the project as it was built.
import { cpSync, existsSync, mkdirSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile } from '../../bench/lib/compile.ts';
import { buildMutator } from '../compliance/mutator.ts';
import { mustRun } from '../helpers/commands.ts';
import { buildWorkload } from '../helpers/workloads.ts';
import { makeScratch, removeScratch } from './scratch.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const guest = join(import.meta.dirname, 'guest');
const workloads = ['counter', 'threads', 'huge-private', 'protection-keys'];
const programs = ['/usr/bin/nice', '/usr/bin/redis-server', '/usr/bin/redis-cli'];
/** TypeScript that runs in a machine, under its own path with the ending js. */
const guestPrograms = [
  'test/compliance/campaign.ts',
  'test/programs/redis-writer.ts',
  'test/vm/agreement.ts',
  'test/vm/redis-load.ts',
  'bench/slowdown.bench.ts',
  'bench/tracker.bench.ts',
];
/** Where the project lies in a machine. */
export const guestRoot = '/opt/godwit';
/** Programs that it would compile there: GODWIT_PREBUILT. */
export const guestPrebuilt = '/opt/prebuilt';

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

/** The files whose change makes the image old. */
export function rootInputs(): string[] {
  return [
    process.execPath,
    ...programs.filter((path) => existsSync(path)),
    ...['src', 'dist', 'test/compliance', 'test/vm/guest', 'test/workloads', 'bench']
      .flatMap((name) => filesBelow(join(root, name)))
      .filter((path) => !path.includes('/bin/')),
    ...[...guestPrograms, 'package-lock.json', 'test/vm/root.ts', 'scripts/bundle.mjs'].map((name) =>
      join(root, name),
    ),
    join(root, 'build/Release/godwit.node'),
    join(root, 'build/Release/godwit-keeper'),
  ].sort();
}

/** Writes the image, an ext4. */
export async function buildRoot(image: string, busybox: string): Promise<void> {
  const stage = makeScratch('godwit-vm-root-');
  try {
    for (const folder of [
      'proc',
      'sys',
      'dev',
      'tmp',
      'run',
      'shared',
      'root',
      'sbin',
      'bin',
      'etc',
      'var/lib',
      'opt',
    ])
      mkdirSync(join(stage, folder), { recursive: true });
    await addBusybox(stage, busybox);
    for (const [name, at] of [
      ['rc', 'etc/rc'],
      ['inittab', 'etc/inittab'],
      ['agent', 'sbin/agent'],
    ] as const)
      cpSync(join(guest, name), join(stage, at));
    for (const program of [process.execPath, ...programs.filter((path) => existsSync(path))])
      await addProgram(stage, program, join('/usr/bin', program.split('/').at(-1) ?? ''));
    for (const name of workloads) {
      const binary = await buildWorkload(name);
      await addProgram(stage, binary, `/usr/bin/${name}`);
    }
    await addProject(stage);
    await mustRun('mke2fs', ['-q', '-t', 'ext4', '-d', stage, '-O', '^has_journal', image, '400M']);
  } finally {
    removeScratch(stage);
  }
}

async function addBusybox(stage: string, busybox: string): Promise<void> {
  cpSync(busybox, join(stage, 'bin/busybox'));
  for (const name of (await mustRun(busybox, ['--list'])).trim().split('\n'))
    if (name !== 'busybox') symlinkSync('/bin/busybox', join(stage, 'bin', name));
  symlinkSync('/bin/busybox', join(stage, 'sbin/init'));
}

/** A program and the libraries that ldd(1) names, under their own paths. */
async function addProgram(stage: string, file: string, at: string): Promise<void> {
  copy(realpathSync(file), join(stage, at));
  const libraries = (await mustRun('ldd', [file])).match(/\/[^ ]+/g) ?? [];
  for (const library of libraries) copy(realpathSync(library), join(stage, library));
}

function copy(from: string, to: string): void {
  if (existsSync(to)) return;
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to);
}

async function addProject(stage: string): Promise<void> {
  const place = join(stage, guestRoot);
  await mustRun('node', [join(root, 'scripts/bundle.mjs'), place, root, ...guestPrograms]);
  for (const name of ['dist', 'package.json', 'build/Release/godwit.node', 'build/Release/godwit-keeper'])
    cpSync(join(root, name), join(place, name), { recursive: true });
  for (const folder of await productionModules())
    cpSync(join(root, folder), join(place, folder), { recursive: true });
  const mutator = buildMutator();
  const writer = compile('page-writer');
  await addProgram(stage, mutator.binary, join(guestPrebuilt, 'mutator'));
  await addProgram(stage, writer.binary, join(guestPrebuilt, 'page-writer'));
  for (const folder of [mutator.directory, writer.folder]) rmSync(folder, { recursive: true });
}

/** Folders of node_modules without those of development. */
async function productionModules(): Promise<string[]> {
  const lines = await mustRun('npm', ['ls', '--omit=dev', '--all', '--parseable', '--prefix', root]);
  return lines
    .split('\n')
    .filter((line) => line.includes('/node_modules/'))
    .map((line) => line.slice(root.length));
}
