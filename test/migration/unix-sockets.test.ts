// Unix sockets.
import { carries } from '../helpers/round-trip.ts';

await carries('unix-sockets', 'socket pairs keep their queues and listeners their names');
