// A collection of young objects takes V8 3 to 15 ms, and comes when it comes. An agent that has just collected does not do it
// again while a tree stands still: what it makes there is far less than what makes V8 collect (some MiB).
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { type: 'minor'; execution: 'sync' }) => void;

let collect: Collect | undefined;

/** Collects young objects now. */
export function collectYoung(): void {
  if (collect === undefined) {
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as Collect;
  }
  collect({ type: 'minor', execution: 'sync' });
}
