// Job control: SIGSTOP, SIGTSTP and what wait(2) tells of them.
import { carries } from '../helpers/round-trip.ts';

await carries('stopped', 'stopped processes arrive stopped, among running ones');
