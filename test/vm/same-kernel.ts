// The test of one kernel: two machines of it are booted, and everything is claimed one after the other.
import t from 'tap';
import { bootBed } from './bed.ts';
import { claimAgreement, claimClean, claimCompliance, claimFeatures, claimRedis } from './claims.ts';
import type { KernelClaims } from './claims.ts';
import { prepareImages } from './images.ts';
import { startReceivers } from './moves.ts';
import { addRow } from './table.ts';
import { claimWorkloads } from './workloads.ts';

/** Sequences of the compliance suite on each tracker. */
const seeds = Number(process.env['GODWIT_VM_SEEDS'] ?? 1);

export async function testKernel(claims: KernelClaims): Promise<void> {
  const { kernel, auto, trackers, features } = claims;
  t.setTimeout(900_000);
  const images = await prepareImages();
  const skip = typeof images === 'string' ? images : false;
  if (skip !== false) process.stderr.write(`SKIPPED: ${skip}\n`);
  await t.test(`two machines with Linux ${kernel}`, { skip }, async (t) => {
    if (typeof images === 'string') return;
    await using bed = await bootBed(images, [kernel, kernel]);
    addRow({
      kernels: kernel,
      tracker: '-',
      what: 'two machines boot',
      verdict: 'ok',
      seconds: bed.bootMs / 1000,
    });
    // Each machine has one processor, and of two agents one waits for the other: so two things go on at a time.
    await t.test('check says what this kernel has, and what the rest costs', async (t) => {
      await Promise.all([claimFeatures(t, bed, features), startReceivers(bed)]);
    });
    await t.test('workloads move, and redis the other way while it is written to', async (t) => {
      await Promise.all([claimWorkloads(t, bed, claims), claimRedis(t, bed, auto)]);
      await claimClean(t, bed);
    });
    await t.test('every tracker passes the compliance suite', async (t) => {
      await claimCompliance(t, bed, trackers, seeds);
    });
    if (trackers.includes('pagemap-scan')) {
      await t.test('the trackers agree', async (t) => {
        await claimAgreement(t, bed);
      });
    }
  });
}
