// Seccomp filters: in order, of single threads, shared, and ones that forbid what Godwit itself does in the process.
import { carries } from '../helpers/round-trip.ts';

await carries('seccomp', 'seccomp filters judge as before');
