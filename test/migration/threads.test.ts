// Threads, mutexes, condition variables, read-write locks.
import { carries } from '../helpers/round-trip.ts';

await carries('threads', 'threads under contention keep their invariants');
