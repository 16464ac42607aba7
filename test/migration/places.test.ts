// Working directory, root and umask that processes share (CLONE_FS).
import { carries } from '../helpers/round-trip.ts';

await carries('places', 'what processes share of their working directory, root and umask stays shared');
