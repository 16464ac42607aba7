// inotify: watches, their numbers, and no event that the move has made.
import { carries } from '../helpers/round-trip.ts';

await carries('inotify', 'inotify instances keep their watches under their numbers');
