// Which boot of this host it is (random(4)): a copy of a tree dies with its host, so a peer that has another boot ID than
// the journal says proves that its copy is gone.
import { readFileSync } from 'node:fs';

export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
