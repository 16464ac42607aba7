// The kernel modules that a machine needs before it has its disk, in an order in which each finds what it depends on.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { mustRun } from '../helpers/commands.ts';

/** What a Debian cloud kernel builds as modules (6.1) or partly has built in (6.12). */
const wanted = [
  'virtio_pci',
  'virtio_blk',
  'virtio_net',
  'virtio_console',
  'virtiofs',
  'overlay',
  'unix_diag',
  'tcp_diag',
  'udp_diag',
];

/** `from`: lib/modules/RELEASE of the package. Writes the modules and `order`, their list. */
export async function buildModules(from: string, into: string): Promise<void> {
  mkdirSync(into, { recursive: true });
  const files = new Map(
    readdirSync(from, { recursive: true, encoding: 'utf8' })
      .filter((path) => /\.ko(\.xz)?$/.test(path))
      .map((path) => [nameOf(path), join(from, path)]),
  );
  const builtIn = new Set(readFileSync(join(from, 'modules.builtin'), 'utf8').split('\n').map(nameOf));
  const order: string[] = [];
  const add = async (name: string): Promise<void> => {
    const file = files.get(name);
    if (order.includes(`${name}.ko`) || (file === undefined && builtIn.has(name))) return;
    if (file === undefined) throw new Error(`no module ${name} in ${from}`);
    const module = join(into, `${name}.ko`);
    await mustRun('sh', [
      '-c',
      file.endsWith('.xz') ? 'xz -dc "$1" >"$2"' : 'cp "$1" "$2"',
      'sh',
      file,
      module,
    ]);
    for (const other of dependsOf(readFileSync(module))) await add(other);
    order.push(`${name}.ko`);
  };
  for (const name of wanted) await add(name);
  writeFileSync(join(into, 'order'), order.join('\n'));
}

/** Module names have underscores wherever files have dashes. */
function nameOf(path: string): string {
  return basename(path)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_');
}

/** "depends=a,b" of the section .modinfo: zero-terminated strings. */
function dependsOf(module: Buffer): string[] {
  const at = module.indexOf('\0depends=', 0, 'latin1');
  if (at < 0) return [];
  const from = at + '\0depends='.length;
  const list = module.toString('latin1', from, module.indexOf(0, from));
  return list.split(',').filter((name) => name !== '');
}
