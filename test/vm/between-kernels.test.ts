// From one kernel to another nothing moves yet, and the check says so in advance.
import t from 'tap';
import { bootBed } from './bed.ts';
import { claimRefused } from './claims.ts';
import { prepareImages } from './images.ts';

t.setTimeout(600_000);
const images = await prepareImages();
const skip = typeof images === 'string' ? images : false;
if (skip !== false) process.stderr.write(`SKIPPED: ${skip}\n`);

await t.test('a tree does not move between two kernels, and both are named', { skip }, async (t) => {
  if (typeof images === 'string') return;
  await using bed = await bootBed(images, ['6.1', '6.12']);
  await claimRefused(t, bed, [images.kernels['6.1'].release, images.kernels['6.12'].release]);
});
