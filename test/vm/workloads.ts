// The workloads that move between two machines with the same kernel, there and, some of them, back.
import type { Test } from 'tap';
import type { VmBed } from './bed.ts';
import type { KernelClaims } from './claims.ts';
import type { Guest } from './guest.ts';
import { moveOnce, startWorkload, verdictOf } from './moves.ts';
import { timed } from './table.ts';

interface Moving {
  readonly name: string;
  readonly args?: string;
  readonly andBack?: boolean;
  /** Its variant in motion. */
  readonly moving?: boolean;
}

export async function claimWorkloads(
  t: Test,
  bed: VmBed,
  { auto: tracker, returns, threads, hugePages, keys }: KernelClaims,
): Promise<void> {
  const [a, b] = bed.guests;
  // What this takes of reserved huge pages, on either machine.
  if (hugePages) for (const guest of bed.guests) await guest.mustRun('echo 32 > /proc/sys/vm/nr_hugepages');
  await claimMoves(t, a, b, tracker, [
    { name: 'counter', args: '/shared/beats 20000 1', andBack: returns },
    ...(threads ? [{ name: 'threads' }] : []),
    ...(hugePages ? [{ name: 'huge-private', moving: true }] : []),
    // The processor that is emulated has them, which not every host has that these tests run on. Kernels that lack what this takes are found
    // by a probe, which `features` tell of.
    ...(keys ? [{ name: 'protection-keys', moving: true }] : []),
  ]);
}

async function claimMoves(
  t: Test,
  a: Guest,
  b: Guest,
  tracker: string,
  workloads: readonly Moving[],
): Promise<void> {
  const kernels = `${a.kernel} -> ${b.kernel}`;
  for (const { name, args = '', andBack = false, moving = false } of workloads) {
    await timed({ kernels, tracker, what: andBack ? `${name}, there and back` : name }, async () => {
      const log = await startWorkload(a, name, args, moving);
      const there = await moveOnce(a, b, name);
      t.ok(there.ok, `${name} moves: ${there.said}`);
      t.equal(there.tracker, tracker, `auto takes ${tracker}`);
      const back = andBack && there.ok ? await moveOnce(b, a, name) : undefined;
      if (back !== undefined) t.ok(back.ok, `${name} moves back: ${back.said}`);
      const verdict = await verdictOf((back?.ok ?? !there.ok) ? a : b, name, log);
      t.equal(verdict, 'ok', `${name} is content`);
      const moves = [there, back].filter((move) => move !== undefined);
      if (!moves.every(({ ok }) => ok)) return 'FAILED to move';
      const downtimes = moves.map(({ downtimeMs }) => downtimeMs);
      return `${verdict}, downtime ${downtimes.join(' and ')} ms`;
    });
  }
}
