// Sessions, process groups, zombies, orphans.
import { carries } from '../helpers/round-trip.ts';

await carries('tree', 'a tree keeps its families, dead ones too');
