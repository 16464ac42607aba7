// What the machines boot: an initramfs for each kernel, and one root file system with this project's build. Made once, and again
// only when what goes in has changed.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mustRun } from '../helpers/commands.ts';
import { buildModules } from './modules.ts';
import { buildRoot, rootInputs } from './root.ts';

export const kernelNames = ['6.1', '6.12'] as const;
export type KernelName = (typeof kernelNames)[number];

export interface Images {
  readonly qemu: string;
  /** Where qemu finds its firmware. */
  readonly firmware: readonly string[];
  readonly virtiofsd: string;
  readonly root: string;
  readonly kernels: Readonly<Record<KernelName, KernelImage>>;
}

export interface KernelImage {
  readonly release: string;
  readonly vmlinuz: string;
  readonly initramfs: string;
}

export const vmFolder: string = fileURLToPath(new URL('../../build/vm', import.meta.url));
export const guestFolder: string = fileURLToPath(new URL('guest', import.meta.url));
const packages = join(vmFolder, 'packages');

/** Everything that a machine needs, or the sentence why it cannot be had here. */
export async function prepareImages(): Promise<Images | string> {
  mkdirSync(vmFolder, { recursive: true });
  const missing = await fetchPackages();
  if (missing !== undefined) return missing;
  const kernels = Object.fromEntries(
    await Promise.all(kernelNames.map(async (name) => [name, await kernelImage(name)] as const)),
  ) as Record<KernelName, KernelImage>;
  const root = join(vmFolder, 'root.ext4');
  await unlessFresh(root, rootInputs(), async (fresh) => buildRoot(fresh, busybox));
  return {
    qemu: join(packages, 'qemu/usr/bin/qemu-system-x86_64'),
    firmware: [join(packages, 'qemu/usr/share/qemu'), join(packages, 'qemu/usr/share/seabios')],
    virtiofsd: join(packages, 'virtiofsd/usr/lib/qemu/virtiofsd'),
    root,
    kernels,
  };
}

const busybox = join(packages, 'busybox/bin/busybox');

async function fetchPackages(): Promise<string | undefined> {
  const script = fileURLToPath(new URL('fetch.sh', import.meta.url));
  const lock = join(vmFolder, '.fetch.lock'); // two test files may begin at once
  try {
    await mustRun('flock', [lock, script, packages], { timeoutMs: 240_000 });
    return undefined;
  } catch (error) {
    return `no virtual machines: ${String(error).trim().split('\n').at(-1) ?? ''}`;
  }
}

async function kernelImage(name: KernelName): Promise<KernelImage> {
  const folder = join(packages, `linux-${name}`);
  const vmlinuz = readdirSync(join(folder, 'boot')).find((file) => file.startsWith('vmlinuz-'));
  if (vmlinuz === undefined) throw new Error(`no kernel in ${folder}`);
  const release = vmlinuz.slice('vmlinuz-'.length);
  const initramfs = join(vmFolder, `initramfs-${name}.gz`);
  const inputs = [
    join(folder, 'boot', vmlinuz),
    join(guestFolder, 'init'),
    fileURLToPath(new URL('modules.ts', import.meta.url)),
  ];
  await unlessFresh(initramfs, inputs, async (fresh) => {
    const stage = `${fresh}.stage`;
    mkdirSync(join(stage, 'bin'), { recursive: true });
    await mustRun('cp', [busybox, join(stage, 'bin/busybox')]);
    await mustRun('cp', [join(guestFolder, 'init'), join(stage, 'init')]);
    await buildModules(join(folder, 'lib/modules', release), join(stage, 'modules'));
    const pack = `cd "$1" && find . | "$2" cpio -o -H newc 2>/dev/null | gzip -1 >"$3"`;
    await mustRun('sh', ['-ec', pack, 'sh', stage, busybox, fresh]);
    rmSync(stage, { recursive: true });
  });
  return { release, vmlinuz: join(folder, 'boot', vmlinuz), initramfs };
}

/** Makes a file under a temporary name, unless it was made from these very inputs (path, size, time of change). */
async function unlessFresh(
  path: string,
  inputs: readonly string[],
  make: (fresh: string) => Promise<void>,
): Promise<void> {
  const hash = createHash('sha256');
  for (const input of inputs) {
    const { size, mtimeMs } = statSync(input);
    hash.update(`${input} ${size} ${mtimeMs}\n`);
  }
  const key = hash.digest('hex');
  const keyFile = `${path}.key`;
  if (existsSync(path) && existsSync(keyFile) && readFileSync(keyFile, 'utf8') === key) return;
  const fresh = `${path}.${process.pid}`;
  rmSync(fresh, { force: true });
  await make(fresh);
  renameSync(fresh, path);
  writeFileSync(keyFile, key);
  process.stderr.write(`made ${basename(path)}\n`);
}
