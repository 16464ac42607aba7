// Listening TCP sockets.
import { carries } from '../helpers/round-trip.ts';

await carries('tcp-listen', 'listening sockets answer on the other host');
