// Open files in flight: descriptors that wait in queues of unix sockets (SCM_RIGHTS), which may be the only way that leads to a file.
// A look at a queue gives the agent copies; one of a file that a process has as well is closed at once, the others are kept as
// long as the files are looked at. A socket in flight may carry files itself.
import { closeLocal } from '../../kernel/socket-facts.ts';
import type { FilesInFlight } from './driver.ts';
import type { OpenFileGroups } from './identity.ts';
import { refuse } from './refuse.ts';
import { seeInFlight, type OpenFileGroup, type SeenFile } from './seen-file.ts';
import { Thief } from './thief.ts';
import { emptyQueue, readHead, readQueue, rightsOf, type CarryingQueue } from './unix-queue.ts';
import { unlessGone } from './unless-gone.ts';

/** Whether the tree stands still: of one that runs only the first message of each socket is seen. */
export type Stillness = 'running' | 'frozen';

export class InFlight implements FilesInFlight, Disposable {
  readonly #stillness: Stillness;
  readonly #copies = new Set<number>();
  readonly #byFile = new Map<number, number>();
  readonly #queues = new Map<number, CarryingQueue>();
  #unseen = false;

  constructor(stillness: Stillness) {
    this.#stillness = stillness;
  }

  get hasUnseen(): boolean {
    return this.#unseen;
  }

  /** The agent has it for the sake of a look, and holds nothing of the tree by it. */
  isOwnCopy(fd: number): boolean {
    return this.#copies.has(fd);
  }

  /** The agent's copy of an open file that no process has. */
  copyOf(file: number): number | undefined {
    return this.#byFile.get(file);
  }

  /** Finds what is in flight in the sockets among `groups`, and adds it to them, with what is in flight in that in turn. */
  gather(groups: OpenFileGroups): void {
    using thief = new Thief();
    for (const group of groups.list) {
      // Of a listener it counts what waits in connections that nobody has accepted.
      if ((group.first.info.scmFds ?? 0) === 0) continue;
      if (this.#stillness === 'frozen') this.#look(group, groups, thief);
      else if (unlessGone(() => (this.#look(group, groups, thief), true)) !== true) this.#unseen = true;
      thief.release();
    }
  }

  queueOf(group: OpenFileGroup, fd: number, type: number): CarryingQueue {
    const known = this.#queues.get(group.id);
    if (known !== undefined) return known;
    if (this.#stillness === 'running') return { ...emptyQueue, files: [] };
    const queue = readQueue(fd, type);
    const rights = rightsOf(queue);
    if (rights.length === 0) return { ...queue, files: [] };
    closeLocal(...rights);
    throw refuse(group.first, {
      reason: 'somebody outside the tree has sent descriptors to it while the tree stood still',
      remedy: 'try again',
    });
  }

  [Symbol.dispose](): void {
    if (this.#copies.size > 0) closeLocal(...this.#copies);
    this.#copies.clear();
    this.#byFile.clear();
  }

  #look(carrier: OpenFileGroup, groups: OpenFileGroups, thief: Thief): void {
    const { first } = carrier;
    const { type, listening } = thief.socket(first);
    if (listening) {
      this.#unseen = true; // of connections that wait to be accepted
      return;
    }
    const fd = thief.fdOf(first);
    const queue = this.#stillness === 'frozen' ? readQueue(fd, type) : readHead(fd);
    const rights = rightsOf(queue);
    for (const copy of rights) this.#copies.add(copy);
    if (rights.length < (first.info.scmFds ?? 0)) this.#miss(first, rights.length);
    const files = queue.messages.map((message) =>
      message.rights.flatMap((copy) => this.#fileOf(copy, first, groups) ?? []),
    );
    this.#queues.set(carrier.id, { ...queue, files });
  }

  /** Undefined: the descriptor is none of the agent's any more. */
  #fileOf(copy: number, carrier: SeenFile, groups: OpenFileGroups): number | undefined {
    const seen = seeInFlight(copy, carrier);
    if (seen === undefined) return undefined;
    const { group, isNew } = groups.groupOf(seen);
    if (isNew) this.#byFile.set(group.id, copy);
    else {
      closeLocal(copy);
      this.#copies.delete(copy);
    }
    return group.id;
  }

  #miss(carrier: SeenFile, seen: number): void {
    this.#unseen = true;
    if (this.#stillness === 'running') return;
    throw refuse(carrier, {
      reason: `of ${carrier.info.scmFds ?? 0} descriptors in flight in it the kernel shows ${seen}`,
      remedy:
        'raise the limit of open files of the agent (ulimit -n); messages without bytes that were looked at before (MSG_PEEK) can only be received: try again when they are',
    });
  }
}
