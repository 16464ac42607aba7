// Compiles the programs in C that benches start.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Compiles a program of a folder of bench/ into a new folder, which the caller removes. Where there is no compiler GODWIT_PREBUILT is
 * a folder that has it.
 */
export function compile(
  name: string,
  from: 'baseline' | 'transport' = 'baseline',
): { readonly binary: string; readonly folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'godwit-bench-'));
  const prebuilt = process.env['GODWIT_PREBUILT'];
  if (prebuilt !== undefined) return { binary: join(prebuilt, name), folder };
  const binary = join(folder, name);
  execFileSync('cc', ['-O2', '-o', binary, join(import.meta.dirname, '..', from, `${name}.c`)]);
  return { binary, folder };
}
