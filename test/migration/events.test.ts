// epoll, eventfd, timerfd.
import { carries } from '../helpers/round-trip.ts';

await carries('events', 'an epoll watches what it watched and counters keep their values');
