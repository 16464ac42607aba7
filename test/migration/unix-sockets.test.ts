// Unix sockets.
import { carries } from '../helpers/round-trip.ts';

await carries('unix-sockets', 'socket pairs keep their queues and listeners their names');
await carries('in-flight', 'descriptors in flight arrive with their messages and the names of their senders');
await carries('in-flight-kinds', 'every kind of file arrives that nothing but a message leads to');
