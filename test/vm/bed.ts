// Two virtual machines with a network cable between them and one folder that both mount. Everything ends with the bed.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Guest } from './guest.ts';
import type { Images, KernelName } from './images.ts';
import { makeScratch, removeScratch } from './scratch.ts';

export interface VmBed extends AsyncDisposable {
  readonly guests: readonly [Guest, Guest];
  /** The folder behind /shared, here. */
  readonly shared: string;
  readonly bootMs: number;
}

/** Boots both at once. @throws Error with the console's last lines */
export async function bootBed(
  images: Images,
  kernels: readonly [KernelName, KernelName],
  mib = 640,
): Promise<VmBed> {
  const folder = makeScratch('godwit-vm-');
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  const began = performance.now();
  const booting = kernels.map(async (kernel, i) =>
    Guest.boot({ images, kernel, number: i + 1, folder, shared, mib }),
  );
  const dispose = async (): Promise<void> => {
    for (const outcome of await Promise.allSettled(booting))
      if (outcome.status === 'fulfilled') await outcome.value.end();
    removeScratch(folder);
  };
  try {
    const [first, second] = await Promise.all(booting);
    if (first === undefined || second === undefined) throw new Error('two machines were asked for');
    const bootMs = performance.now() - began;
    return { guests: [first, second], shared, bootMs, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}
