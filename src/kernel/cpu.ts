// What the processor can do: a program that has looked (libc picks its memcpy by it) must find it again on the target.
import { readFileSync } from 'node:fs';
import { native } from '../native.ts';

export interface Cpu {
  readonly vendor: string;
  readonly model: string;
  /** Those that every processor of this machine has. */
  readonly flags: ReadonlySet<string>;
  /** Bytes of the extended state of a thread (NT_X86_XSTATE). */
  readonly xsaveSize: number;
  /** XCR0: which parts of the extended state are in use. */
  readonly xsaveFeatures: bigint;
}

export function parseCpuinfo(text: string): Pick<Cpu, 'vendor' | 'model' | 'flags'> {
  let common: Set<string> | undefined;
  let seen: string | undefined;
  for (const line of text.split('\n')) {
    if (!line.startsWith('flags')) continue;
    if (line === seen) continue; // processors are mostly alike
    seen = line;
    const flags = line
      .slice(line.indexOf(':') + 1)
      .trim()
      .split(' ');
    const before = common;
    common = new Set(before === undefined ? flags : flags.filter((flag) => before.has(flag)));
  }
  const field = (name: string): string => new RegExp(`^${name}\\s*: (.*)$`, 'm').exec(text)?.[1] ?? '';
  return { vendor: field('vendor_id'), model: field('model name'), flags: common ?? new Set() };
}

export function readCpu(): Cpu {
  return {
    ...parseCpuinfo(readFileSync('/proc/cpuinfo', 'latin1')),
    xsaveSize: native.xsaveSize(),
    xsaveFeatures: native.xsaveFeatures(),
  };
}
