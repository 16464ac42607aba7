// One tree alone between two hosts: by default the smallest, a counter of one thread. Every workload goes there and back in the
// conformance suite; GODWIT_WORKLOAD names another one for a run with nothing beside it, GODWIT_ROUNDS repeats it.
import { carries } from '../helpers/round-trip.ts';

const workload = process.env['GODWIT_WORKLOAD'] ?? 'counter';
await carries(workload, `${workload} goes there and back`);
