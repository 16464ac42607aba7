// The C++ files of the native part and of the test workloads, and the flags that clang-tidy needs to read them.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

export const root = dirname(import.meta.dirname);

/** Every file below `folder` whose name ends in one of `suffixes`, relative to the root, sorted. */
export function filesBelow(folder, suffixes) {
  const dir = join(root, folder);
  if (!existsSync(dir)) return [];
  const names = readdirSync(dir, { recursive: true }).map(String);
  return names
    .filter((name) => suffixes.some((suffix) => name.endsWith(suffix)))
    .map((name) => `${folder}/${name}`)
    .sort();
}

/** Where the headers of Node are, as node-gyp found them: `npm run build:native` must have run once. */
function nodeIncludes() {
  const makefile = join(root, 'build/godwit.target.mk');
  if (!existsSync(makefile)) throw new Error('build/godwit.target.mk is not there: run npm run build:native');
  const text = readFileSync(makefile, 'utf8');
  return [...new Set(text.match(/-I\/\S+/g) ?? [])].map((flag) => flag.slice(2));
}

/** The compiler flags of one source file; system headers come by -isystem, so that only ours are judged. */
export function compileFlags(file) {
  const flags = [
    '-std=c++20',
    '-Inative',
    '-D_GNU_SOURCE',
    '-Wall',
    '-Wextra',
    '-Wconversion',
    '-Wshadow',
    '-Wno-missing-field-initializers',
  ];
  if (file.startsWith('native/keeper/')) return flags;
  const napi = dirname(createRequire(import.meta.url).resolve('node-addon-api'));
  const system = [napi, ...nodeIncludes()].flatMap((dir) => ['-isystem', dir]);
  return [...flags, '-DXXH_INLINE_ALL', '-DNAPI_VERSION=9', '-DNAPI_CPP_EXCEPTIONS', ...system];
}
