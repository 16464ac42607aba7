// The only door to the native addon. Nothing else loads it; the layers above see these types alone.
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import nodeGypBuild from 'node-gyp-build';
import type { NativeCodec } from './native-codec.ts';
import type { NativeDelta } from './native-delta.ts';
import type { NativeDescriptors } from './native-descriptors.ts';
import type { NativeDiag } from './native-diag.ts';
import type { NativeDutyCycles } from './native-duty-cycle.ts';
import type { NativeForward } from './native-forward.ts';
import type { NativeKeeper } from './native-keeper.ts';
import type { NativeMessageReaders } from './native-message-reader.ts';
import type { NativeMessages } from './native-messages.ts';
import type { NativePages } from './native-pages.ts';
import type { NativeProbe } from './native-probe.ts';
import type { NativeProcess } from './native-process.ts';
import type { NativeSecurity } from './native-security.ts';
import type { NativeTerminal } from './native-terminal.ts';

type Native = NativeProcess &
  NativePages &
  NativeCodec &
  NativeDelta &
  NativeKeeper &
  NativeForward &
  NativeDiag &
  NativeDescriptors &
  NativeMessages &
  NativeMessageReaders &
  NativeDutyCycles &
  NativeProbe &
  NativeSecurity &
  NativeTerminal;

/** The package's own folder, however deep a build has put this module. */
export const packageRoot: string = (function nearest(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : nearest(dirname(folder));
})(dirname(fileURLToPath(import.meta.url)));

export const native = nodeGypBuild(packageRoot) as Native;
