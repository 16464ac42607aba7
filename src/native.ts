// The only door to the native addon. Nothing else loads it; the layers above see these types alone.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import nodeGypBuild from 'node-gyp-build';
import type { NativeDescriptors } from './native-descriptors.ts';
import type { NativeDiag } from './native-diag.ts';
import type { NativeKeeper } from './native-keeper.ts';
import type { NativePages } from './native-pages.ts';
import type { NativeProbe } from './native-probe.ts';
import type { NativeProcess } from './native-process.ts';

type Native = NativeProcess & NativePages & NativeKeeper & NativeDiag & NativeDescriptors & NativeProbe;

/** The package's own folder, from src/ as from dist/. */
export const packageRoot: string = dirname(dirname(fileURLToPath(import.meta.url)));

createRequire(import.meta.url); // node-gyp-build resolves from a folder; nothing is required by path
export const native = nodeGypBuild(packageRoot) as Native;
