// Every ordinary kind of mapping.
import { carries } from '../helpers/round-trip.ts';

await carries('mappings', 'the address space is the same, byte for byte');
