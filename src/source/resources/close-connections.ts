// --tcp-close, after the tree runs on the target: each connection of the source is reset, so that clients notice at once
// and connect again, before the killed tree is torn down, which takes time.
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { readDescriptors, type ProcessRef } from './seen-file.ts';
import { isConnection, isTcp } from './tcp-facts.ts';
import { Thief } from './thief.ts';

/** Listeners are reset too: what waits in their queues is told as well. Returns how many connections were open. */
export function closeConnections(processes: readonly ProcessRef[]): number {
  using thief = new Thief();
  let count = 0;
  for (const process of processes) {
    const program = new Program();
    const unspecified = program.room(16); // AF_UNSPEC: disconnects, and sends RST (connect(2))
    for (const file of readDescriptors(process)) {
      if (!file.link.startsWith('socket:[')) continue;
      try {
        const facts = thief.socket(file);
        if (!isTcp(facts) || !(facts.listening || isConnection(facts))) continue;
        program.attempt('connect', thief.fdOf(file), unspecified, 16);
        if (!facts.listening) count++;
      } catch {
        continue; // killed meanwhile: the kernel resets what it had
      }
    }
    if (program.length > 0) runLocal(program);
    thief.release();
  }
  return count;
}
