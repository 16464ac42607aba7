// `npm run faults [-- --from-seed N] [--only WORDS]`: every fault at every step of the protocol, one flight each, there and back. A line a fault, a
// table at the end; the number in front of a line is what --from-seed goes on from. Random instants: `npm run campaign -- kills --kills 2000`.
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { verdictOf } from '../../helpers/workloads.ts';
import { hostOf, makeBed } from '../bed.ts';
import type { Bed } from '../bed.ts';
import { flyWith } from './fly.ts';
import type { Verdict } from './fly.ts';
import { kinds, nameOf, plan } from './plan.ts';
import type { Kind } from './plan.ts';

const { values } = parseArgs({
  options: { 'from-seed': { type: 'string', default: '0' }, only: { type: 'string', default: '' } },
});

interface Count {
  flights: number;
  stayed: number;
  moved: number;
  resolved: number;
  bad: number;
}

const counts = new Map<Kind, Count>(
  kinds.map((kind) => [kind, { flights: 0, stayed: 0, moved: 0, resolved: 0, bad: 0 }]),
);

function note(kind: Kind, { problems, moved, resolved }: Verdict): void {
  const count = counts.get(kind);
  if (count === undefined) return;
  count.flights++;
  if (moved) count.moved++;
  else count.stayed++;
  if (resolved) count.resolved++;
  if (problems.length > 0) count.bad++;
}

async function makePlainBed(): Promise<Bed> {
  const bed = await makeBed({ mib: 8, plaintext: true });
  await bed.a.receive({ plaintext: true });
  return bed;
}

async function endOf(bed: Bed): Promise<void> {
  const content = await verdictOf(hostOf(bed), bed.counter);
  if (content !== 'ok') {
    process.stdout.write(`the tree's memory: ${content}\n`);
    process.exitCode = 1;
  }
  await bed[Symbol.asyncDispose]();
}

let bed: Bed | undefined;
for (const [number, fault] of plan.entries()) {
  if (number < Number(values['from-seed']) || !nameOf(fault).includes(values.only)) continue;
  bed ??= await makePlainBed();
  const verdict = await flyWith(bed, fault);
  note(fault.kind, verdict);
  const { problems, happened, moved, exit, resolved } = verdict;
  const how = `${moved ? 'moved' : 'stayed'}, exit ${exit}${resolved ? ', by godwit resolve' : ''}`;
  const where = happened ? '' : ' (never came so far)';
  process.stdout.write(`${number} of ${plan.length}: ${nameOf(fault)}: ${how}${where}\n`);
  for (const problem of problems) process.stdout.write(`  BAD: ${problem}\n`);
  if (problems.length === 0) continue;
  process.exitCode = 1;
  await bed[Symbol.asyncDispose]();
  bed = undefined; // go on with a fresh tree
}
if (bed !== undefined) await endOf(bed);

const table = new Table({
  head: ['fault', 'flights', 'stayed', 'moved', 'by godwit resolve', 'lost, doubled, left over'],
  style: { head: [], border: [] },
});
for (const [kind, { flights, stayed, moved, resolved, bad }] of counts)
  table.push([kind, flights, stayed, moved, resolved, bad]);
process.stdout.write(`${table.toString()}\n`);
