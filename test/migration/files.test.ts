// Regular files and the ways to share them.
import { carries } from '../helpers/round-trip.ts';

await carries('files', 'open files keep offsets, flags and what they share');
