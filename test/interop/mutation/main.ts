// `npm run mutations [-- --count 10000000] [--from-seed N]`: changed bytes at every door that takes those of a peer, and a table. A bad one
// is named by its seed; `--from-seed N --count 1` repeats it.
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { runMutations } from './run.ts';

const { values } = parseArgs({
  options: { count: { type: 'string', default: '10000000' }, 'from-seed': { type: 'string', default: '0' } },
});
const from = Number(values['from-seed']);
const began = performance.now();
const outcomes = await runMutations(from, Number(values.count), (done) => {
  if (done % 1_000_000 === 0) process.stdout.write(`${done} done; the next seed is ${from + done}\n`);
});
const table = new Table({
  head: ['what takes it', 'tried', 'refused', 'valid all the same', 'slowest', 'bad'],
  style: { head: [], border: [] },
});
for (const [name, { tried, taken, refused, slowestMs, bad }] of outcomes) {
  table.push([name, tried, refused, taken, `${slowestMs.toFixed(1)} ms`, bad.length]);
  for (const { seed, what } of bad) process.stdout.write(`BAD, seed ${seed}: ${what}\n`);
  if (bad.length > 0) process.exitCode = 1;
}
process.stdout.write(`${table.toString()}\n${((performance.now() - began) / 1000).toFixed(0)} s\n`);
