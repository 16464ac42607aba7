// What Godwit promises about time and memory: the rows of the table that `npm run bench` ends with. Benches report to them by name.

export interface Goal {
  readonly what: string;
  readonly unit: string;
  readonly limit: number;
  /** On which side of the limit it should be. */
  readonly side: 'at most' | 'at least';
}

const atMost = (limit: number, unit: string, what: string): Goal => ({ what, unit, limit, side: 'at most' });
const atLeast = (limit: number, unit: string, what: string): Goal => ({
  what,
  unit,
  limit,
  side: 'at least',
});

export const goals = {
  'redis-pause-median': atMost(10, 'ms', 'redis, 1 GiB, under writes: pause seen by its client, median'),
  'redis-pause-p95': atMost(20, 'ms', 'redis, 1 GiB, under writes: pause seen by its client, p95'),
  'idle-large-to-small': atMost(1.2, 'times', 'redis, idle: downtime with 8 GiB against 64 MiB'),
  'one-thread': atMost(3, 'ms', 'one process with one thread, nothing dirty: downtime'),
  'many-processes': atMost(15, 'ms', '33 processes, 675 MB: downtime'),
  'crowd-each': atMost(0.5, 'ms', '1,000 processes: downtime for each of them'),
  'transport-throughput': atLeast(0.85, 'of C', 'memory to memory, plain: throughput'),
  'transport-cpu': atMost(1.3, 'times C', 'memory to memory, plain: CPU time'),
  'sealed-throughput': atLeast(0.5, 'of C', 'memory to memory, encrypted: throughput, against C without'),
  'slow-down-loop': atMost(5, '%', 'slow-down of a page-writing loop, a round a second'),
  'slow-down-redis': atMost(3, '%', 'slow-down of redis under redis-benchmark, a round a second'),
  'scan-running': atMost(5, 'ms', 'scan of 8 GiB of 4 KiB pages, 1,000 of them dirty'),
  'scan-frozen': atMost(2, 'ms', 'scan of 8 GiB of 4 KiB pages, 1,000 of them dirty, in the freeze'),
  'post-copy-p99': atMost(10, 'ms', 'post-copy, redis, 1 GiB: GET latency in its first second, p99'),
  'post-copy-drain': atLeast(0.7, 'of C', 'post-copy, redis, 1 GiB: rate at which memory follows'),
  'agent-memory': atMost(256, 'MiB', 'memory of the greater agent, a tree with 8 GiB'),
  prediction: atLeast(100, '% of flights', 'downtime within 25 % or 3 ms of what was predicted'),
} as const satisfies Readonly<Record<string, Goal>>;

export type GoalName = keyof typeof goals;

export function isMet({ limit, side }: Goal, value: number): boolean {
  return side === 'at most' ? value <= limit : value >= limit;
}
