// rseq, robust lists, TLS, affinity.
import { carries } from '../helpers/round-trip.ts';

await carries('thread-state', 'what the kernel knows of a thread comes along');
