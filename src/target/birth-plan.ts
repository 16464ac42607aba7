// In which order tasks are born, so that parents, sessions and groups come out as they were on the source. Pure.
//
// A session can only be inherited at birth or founded by its leader; a parent is whoever calls clone (CLONE_PARENT: the
// caller's own parent). So children that still belong to an older session are born before their parent founds its own,
// and sessions and groups whose leaders are dead are founded by helpers with the leaders' PIDs, which then end.
import { GodwitError } from '../errors.ts';
import type { ProcessLayout } from '../images/layout.ts';

/** sid and pgid 0: of something outside the tree. */
export interface LivingTask {
  readonly vpid: number;
  readonly ppid: number;
  readonly sid: number;
  readonly pgid: number;
}

export type BirthStep =
  /** The keeper makes the very first process, in the session `sid` of a dead leader (0: in none of the tree's). */
  | { readonly step: 'spawn'; readonly vpid: number; readonly sid: number }
  /** clone3 in `from`; sibling: CLONE_PARENT. */
  | { readonly step: 'clone'; readonly vpid: number; readonly from: number; readonly sibling: boolean }
  /** clone3 in `from`, a helper: when that ends, `heir` becomes the parent (a subreaper). */
  | { readonly step: 'clone-for'; readonly vpid: number; readonly from: number; readonly heir: number }
  /** Born by a short-lived child of `from`: inherits its session; `heir` becomes its parent (0: the keeper). */
  | { readonly step: 'orphan'; readonly vpid: number; readonly from: number; readonly heir: number }
  | { readonly step: 'found-session'; readonly vpid: number }
  | { readonly step: 'join-group'; readonly vpid: number; readonly pgid: number }
  /** A helper has done its work. */
  | { readonly step: 'end'; readonly vpid: number };

type Identity = Pick<ProcessLayout, 'pid' | 'ppid' | 'pgid' | 'sid'>;
interface Task {
  ppid: number;
  sid: number;
  pgid: number;
}

/** @throws GodwitError REFUSED for what no order of births can bring about. */
export function planBirths(living: readonly LivingTask[], wanted: readonly Identity[]): BirthStep[] {
  const plan = new Plan(living, wanted);
  plan.sessionsOfTheLiving();
  plan.births();
  plan.groups();
  plan.endHelpers();
  return plan.steps;
}

class Plan {
  readonly steps: BirthStep[] = [];
  readonly #living = new Map<number, Task>();
  readonly #wanted = new Map<number, Identity>();
  readonly #children = new Map<number, Identity[]>();
  readonly #helpers: number[] = [];
  /** Children that a subreaper of the tree took over from a dead parent in another session. */
  readonly #adopted: Identity[] = [];

  constructor(living: readonly LivingTask[], wanted: readonly Identity[]) {
    for (const { vpid, ppid, sid, pgid } of living) this.#living.set(vpid, { ppid, sid, pgid });
    for (const process of wanted) {
      this.#wanted.set(process.pid, process);
      const siblings = this.#children.get(process.ppid);
      if (siblings === undefined) this.#children.set(process.ppid, [process]);
      else siblings.push(process);
    }
  }

  sessionsOfTheLiving(): void {
    for (const process of this.#wanted.values()) {
      const task = this.#living.get(process.pid);
      if (task === undefined || task.sid === process.sid) continue;
      if (process.sid !== process.pid) throw unreachableSession(process);
      this.#foundSession(process.pid, task);
    }
  }

  births(): void {
    let waiting = this.#missing(0);
    for (const process of this.#wanted.values()) {
      if (this.#living.has(process.pid)) this.#bearChildren(process, () => true);
    }
    while (waiting.length > 0) {
      const still = waiting.filter((process) => !this.#bearTop(process));
      const [stuck] = still;
      if (stuck !== undefined && still.length === waiting.length) throw unreachableSession(stuck);
      waiting = still;
    }
    for (const child of this.#adopted) this.#bearAdopted(child); // the list may grow meanwhile
  }

  groups(): void {
    const moving = [...this.#wanted.values()].filter(({ pid, pgid }) => {
      return pgid !== 0 && this.#living.get(pid)?.pgid !== pgid;
    });
    for (const { pid, pgid } of moving) if (pid === pgid) this.#join(pid, pgid);
    for (const { pid, pgid } of moving) {
      if (pid === pgid) continue;
      if (![...this.#living.values()].some((task) => task.pgid === pgid)) {
        this.#clone(pgid, pid, false);
        this.#helpers.push(pgid);
        this.#join(pgid, pgid);
      }
      this.#join(pid, pgid);
    }
  }

  endHelpers(): void {
    for (const vpid of this.#helpers.reverse()) this.steps.push({ step: 'end', vpid });
  }

  /** A process whose parent is outside the tree. false: not yet, a member of its session must be born first. */
  #bearTop(process: Identity): boolean {
    const sid = this.#birthSession(process);
    const from = this.#topWithSession(sid);
    if (from !== undefined) this.#clone(process.pid, from, true);
    else if (this.#living.size === 0 && (sid === undefined || !this.#wanted.has(sid))) {
      this.#spawn(process.pid, sid ?? 0);
    } else if (sid !== undefined && sid !== 0 && !this.#wanted.has(sid) && !this.#hasMember(sid)) {
      this.#helperSession(sid);
      this.#clone(process.pid, sid, true);
    } else {
      const member = [...this.#living].find(([, task]) => task.sid === sid)?.[0];
      if (member === undefined) return false;
      this.#orphan(process.pid, member, 0);
    }
    this.#raise(process);
    return true;
  }

  /** Its parent is in the tree, but its session came from another parent, which is dead. */
  #bearAdopted(child: Identity): void {
    const { pid, sid, ppid } = child;
    if (!this.#hasMember(sid)) {
      this.#clone(sid, ppid, false);
      this.#helpers.push(sid);
      this.#foundSession(sid, this.#task(sid));
      this.steps.push({ step: 'clone-for', vpid: pid, from: sid, heir: ppid });
      this.#living.set(pid, { ...this.#task(sid), ppid });
    } else {
      const member = [...this.#living].find(([vpid, task]) => task.sid === sid && this.#descends(vpid, ppid));
      if (member === undefined) throw unreachableSession(child);
      this.#orphan(pid, member[0], ppid);
    }
    this.#raise(child);
  }

  #descends(vpid: number, ancestor: number): boolean {
    return vpid === ancestor || (vpid !== 0 && this.#descends(this.#living.get(vpid)?.ppid ?? 0, ancestor));
  }

  #helperSession(sid: number): void {
    const from = this.#topWithSession(undefined);
    if (from === undefined) {
      throw new GodwitError('INTERNAL', `birth plan: nobody can bear the leader of session ${sid}`);
    }
    this.#clone(sid, from, true);
    this.#helpers.push(sid);
    this.#foundSession(sid, this.#task(sid));
  }

  /** After birth: children of the older session, then the own session, then the other children. */
  #raise(process: Identity): void {
    const task = this.#task(process.pid);
    if (process.sid === process.pid) {
      this.#bearChildren(process, (child) => this.#birthSession(child) === task.sid);
      this.#foundSession(process.pid, task);
    } else if (task.sid !== process.sid) throw unreachableSession(process);
    this.#bearChildren(process, () => true);
  }

  #bearChildren(parent: Identity, which: (child: Identity) => boolean): void {
    for (const child of this.#missing(parent.pid)) {
      if (!which(child)) continue;
      const session = this.#birthSession(child);
      if (session !== undefined && session !== this.#task(parent.pid).sid) {
        if (!this.#adopted.includes(child)) this.#adopted.push(child);
        continue;
      }
      this.#clone(child.pid, parent.pid, false);
      this.#raise(child);
    }
  }

  /** The session that a process must inherit at its birth; undefined: any, it founds its own at once. */
  #birthSession(process: Identity): number | undefined {
    if (process.sid !== process.pid) return process.sid;
    for (const child of this.#missing(process.pid)) {
      const session = this.#birthSession(child);
      if (session !== undefined && session !== process.pid) return session;
    }
    return undefined;
  }

  #missing(ppid: number): Identity[] {
    return (this.#children.get(ppid) ?? []).filter(({ pid }) => !this.#living.has(pid));
  }

  #hasMember(sid: number): boolean {
    return [...this.#living.values()].some((task) => task.sid === sid);
  }

  /** A child of the keeper, in the session `sid` (undefined: in any). */
  #topWithSession(sid: number | undefined): number | undefined {
    return [...this.#living].find(
      ([, task]) => task.ppid === 0 && (sid === undefined || task.sid === sid),
    )?.[0];
  }

  #spawn(vpid: number, sid: number): void {
    this.steps.push({ step: 'spawn', vpid, sid });
    this.#living.set(vpid, { ppid: 0, sid, pgid: sid });
  }

  #clone(vpid: number, from: number, sibling: boolean): void {
    this.steps.push({ step: 'clone', vpid, from, sibling });
    const parent = this.#task(from);
    this.#living.set(vpid, { ...parent, ppid: sibling ? parent.ppid : from });
  }

  #orphan(vpid: number, from: number, heir: number): void {
    this.steps.push({ step: 'orphan', vpid, from, heir });
    this.#living.set(vpid, { ...this.#task(from), ppid: heir });
  }

  #foundSession(vpid: number, task: Task): void {
    this.steps.push({ step: 'found-session', vpid });
    task.sid = vpid;
    task.pgid = vpid;
  }

  #join(vpid: number, pgid: number): void {
    this.steps.push({ step: 'join-group', vpid, pgid });
    this.#task(vpid).pgid = pgid;
  }

  #task(vpid: number): Task {
    const task = this.#living.get(vpid);
    if (task === undefined) throw new GodwitError('INTERNAL', `birth plan: ${vpid} does not exist yet`);
    return task;
  }
}

function unreachableSession({ pid, sid }: Identity): GodwitError {
  return new GodwitError(
    'REFUSED',
    `process ${pid} cannot be put into session ${sid}: its parent has left it`,
    {
      hint: 'restart that process from a shell of its own, or move it alone',
    },
  );
}
