// Rights, limits, names.
import { carries } from '../helpers/round-trip.ts';

await carries('credentials', 'users, capabilities and limits stay as they were');
