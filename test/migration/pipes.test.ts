// Pipes and FIFOs.
import { carries } from '../helpers/round-trip.ts';

await carries('pipes', 'pipes keep their data, capacities and ends');
