// Builds dist/: few files instead of 370, since what Node needs to start is the finding, reading and compiling of each module.
// What package.json calls a dependency stays outside (it has a native part); all else is inside, its licenses beside it.
// `node scripts/bundle.mjs OUTDIR OUTBASE FILE...` bundles other files: the programs of the test machines.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { build } from 'esbuild';
import { root } from './native-files.mjs';

const manifest = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));
/** The programs, and what is imported. */
const products = ['index', 'cli/godwit', 'cli/migrate-bin', 'cli/receive-bin', 'target/worker-process'].map(
  (name) => `src/${name}.ts`,
);

/** Bundles TypeScript files, named from the project's root, into `outdir`; their paths below `outbase` stay. */
async function bundle({ entries, outdir, outbase }) {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: entries,
    outdir,
    outbase,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
    // ws asks for the last two and does without.
    external: [...Object.keys(manifest.dependencies), 'bufferutil', 'utf-8-validate'],
    // CommonJS inside calls require() for what Node brings.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
  });
  return Object.keys(metafile.inputs);
}

/** The licenses of the packages that the files belong to, as one text. */
function licensesOf(files) {
  const folders = new Set(
    files.map((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]).filter(Boolean),
  );
  return [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(`${root}/${folder}/package.json`, 'utf8'));
    const file = readdirSync(`${root}/${folder}`).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file === undefined ? '' : `\n${readFileSync(`${root}/${folder}/${file}`, 'utf8').trim()}\n`;
    return `${name} ${version} (${license})\n${text}`;
  });
}

/** The same of what is linked into the addon; each file begins with a line of its own: name (license). */
function nativeLicenses() {
  const folder = `${root}/native/licenses`;
  return readdirSync(folder)
    .sort()
    .map((file) => `${readFileSync(`${folder}/${file}`, 'utf8').trim()}\n`);
}

const [outdir, outbase, ...entries] = process.argv.slice(2);
if (outdir !== undefined) {
  await bundle({ entries, outdir, outbase });
} else {
  // Chunks are named by their content: old ones would stay.
  rmSync(`${root}/dist`, { recursive: true, force: true });
  const files = await bundle({ entries: products, outdir: 'dist', outbase: 'src' });
  writeFileSync(
    `${root}/dist/LICENSES.txt`,
    [...licensesOf(files), ...nativeLicenses()].join(`\n${'-'.repeat(80)}\n`),
  );
}
