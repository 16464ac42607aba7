// What a workload declares in the first comment of its source: its family, the claims that it makes, and what it needs.
//   @family Signals          a heading of test/conformance/items.txt
//   @claim NAME ITEM         it prints "claim NAME ok" when that item of the list has survived
//   @directory               it gets an empty directory as its argument
//   @root                    it needs the rights of root to set itself up
//   @probe NAME              it needs a facility of the kernel that not every one has (src/native-probe.ts)
//   @swap                    it needs swap space
//   @hugepages               it needs reserved huge pages of 2 MiB
//   @apart                   a campaign of its own runs it, not the suite: it claims nothing
//   @always-moving           it works all the time: there is no variant at rest
//   @turn NAME               of those with one name one runs at a time: terminals keep their numbers, which are counted anew on each host;
//                            marks of fanotify see what others do in /dev/shm
//   @arguments WORDS         more arguments
import { readFileSync } from 'node:fs';
import { native } from '../../src/native.ts';
import { nativeProbeNames } from '../../src/native-probe.ts';
import { freeHugePages } from './huge-pages.ts';

export interface Claim {
  readonly name: string;
  readonly item: string;
}

export interface WorkloadHead {
  readonly name: string;
  readonly family: string | undefined;
  readonly claims: readonly Claim[];
  readonly wantsDirectory: boolean;
  readonly needsRoot: boolean;
  readonly probes: readonly string[];
  readonly needsSwap: boolean;
  readonly needsHugePages: boolean;
  readonly apart: boolean;
  readonly alwaysMoving: boolean;
  readonly turn: string | undefined;
  readonly args: readonly string[];
}

export function readHead(name: string, source: string): WorkloadHead {
  const head = source.split('\n').filter((line) => line.startsWith('// @'));
  const values = (word: string): string[] =>
    head
      .filter((line) => line === `// @${word}` || line.startsWith(`// @${word} `))
      .map((line) => line.slice(`// @${word}`.length).trim());
  return {
    name,
    family: values('family')[0],
    claims: values('claim').map((text) => {
      const [claim, item, ...rest] = text.split(' ');
      if (claim === undefined || item === undefined || rest.length > 0)
        throw new Error(`${name}.c: "@claim ${text}" is not "@claim NAME ITEM"`);
      return { name: claim, item };
    }),
    wantsDirectory: values('directory').length > 0,
    needsRoot: values('root').length > 0,
    probes: values('probe'),
    needsSwap: values('swap').length > 0,
    needsHugePages: values('hugepages').length > 0,
    apart: values('apart').length > 0,
    alwaysMoving: values('always-moving').length > 0,
    turn: values('turn')[0],
    args: values('arguments').flatMap((text) => text.split(' ')),
  };
}

/** Why the workload cannot do here what it is about. */
export function whyNotHere({ probes, needsSwap, needsHugePages }: WorkloadHead): string | undefined {
  const probe = nativeProbeNames.find((name) => probes.includes(name) && native.probe(name) !== 0);
  if (probe !== undefined) return `this machine has no ${probe}`;
  if (needsSwap && readFileSync('/proc/swaps', 'latin1').trim().split('\n').length < 2)
    return 'this machine has no swap space';
  if (needsHugePages && freeHugePages() === 0) return 'this machine has no reserved huge pages of 2 MiB';
  return undefined;
}

/** The lines "claim NAME ok" and "claim NAME failed: why" of a workload's output. */
export function readClaims(output: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name = '', verdict = ''] of output.matchAll(/^claim (\S+) (ok|failed: .*)$/gm)) {
    if (found.get(name)?.startsWith('failed') !== true) found.set(name, verdict);
  }
  return found;
}
