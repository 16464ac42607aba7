// What the first write to a page costs a program after a tracker has looked: it faults, once a page and look. Measured on a Node of our own
// that writes to each page of a buffer again and again, watched and not.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { keepDescriptors } from '../../kernel/close-on-exec.ts';
import type { FileIdentities } from '../file-identities.ts';
import { Flight } from '../flight.ts';
import type { ChosenTracker } from '../trackers/choose.ts';

const pages = 8192;
const passes = 5;
const script = `
  const buffer = Buffer.alloc(${pages} * 4096, 1);
  const { stdin, stdout } = process;
  stdin.on('end', () => process.exit()).on('data', () => {
    const began = performance.now();
    for (let i = 0; i < buffer.length; i += 4096) buffer[i]++;
    stdout.write(performance.now() - began + '\\n');
  });
  stdout.write('ready\\n');
`;

/** Milliseconds of a program's time for each page that is dirty at a look. @throws GodwitError */
export async function faultCost(tracker: ChosenTracker, identities: FileIdentities): Promise<number> {
  keepDescriptors();
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'ignore'], cwd: '/' });
  try {
    await once(child, 'spawn');
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    await lines.next();
    const pass = async (): Promise<number> => {
      child.stdin.write('.');
      return Number((await lines.next()).value);
    };
    const several = async (before: () => void): Promise<number> => {
      const taken: number[] = [];
      for (let i = 0; i < passes; i++) {
        before();
        taken.push(await pass());
      }
      return taken.sort((a, b) => a - b)[passes >> 1] ?? 0;
    };
    const unwatched = await several(() => undefined);
    using flight = flightOf(child.pid ?? 0, identities, tracker);
    for (const process of flight.refresh()) flight.takeAboard(process, false);
    const look = (frozen: boolean): void => {
      const vmasOf = flight.readVmas();
      for (const process of flight.owners) {
        const vmas = vmasOf.get(process.pid) ?? [];
        const { copy } = flight.of(process);
        if (frozen) copy.arm(vmas);
        else copy.collect(vmas, false);
      }
    };
    look(true);
    const watched = await several(() => {
      look(false);
    });
    return Math.max(0, watched - unwatched) / pages;
  } finally {
    child.kill('SIGKILL');
  }
}

/** No fence, and no keeper: should this agent die, its program goes with it. */
function flightOf(root: number, identities: FileIdentities, tracker: ChosenTracker): Flight {
  const fence = {
    rescan: () => [],
    pids: () => [],
    freeze: () => undefined,
    thaw: () => undefined,
  };
  return new Flight(root, identities, fence, { undoPoke: () => 0 }, tracker);
}
