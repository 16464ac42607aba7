// Pseudoterminals and controlling terminals.
import { carries } from '../helpers/round-trip.ts';

await carries('terminals', 'terminals and their sessions go on');
