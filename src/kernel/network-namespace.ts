// Network namespaces (network_namespaces(7)). An agent looks at, or builds, the network of a tree from inside: its one thread that makes
// system calls goes there. Sockets stay in the namespace that they were made in, so that connections to the other agent stand; processes
// that it starts are born where it is.
import { closeSync, fstatSync, openSync, statSync } from 'node:fs';
import { GodwitError } from '../errors.ts';
import { runLocal } from './local-program.ts';
import { readProcLink } from './proc/read-proc.ts';
import { errnoName, Program } from './program.ts';

const cloneNewnet = 0x4000_0000;

/** False: it is this agent's own, as it was at the start, or the process is gone. */
export function hasOtherNetwork(pid: number): boolean {
  const its = readProcLink(pid, 'ns/net');
  return its !== undefined && its !== homeOf();
}

let home: string | undefined;

/** Where this agent was before it went anywhere. */
function homeOf(): string | undefined {
  home ??= readProcLink('self', 'ns/net');
  return home;
}

/** SIOCGSKNS of linux/sockios.h: the network namespace of a socket. */
const siocgskns = 0x894c;

/** Whether a socket was made in another network than this agent is in; false where that cannot be told (no CAP_NET_ADMIN). */
export function isSocketElsewhere(socket: number): boolean {
  const program = new Program();
  const found = program.attempt('ioctl', socket, siocgskns, 0);
  const namespace = runLocal(program).number(found);
  if (namespace < 0) return false;
  try {
    return fstatSync(namespace).ino !== statSync('/proc/self/ns/net').ino;
  } finally {
    closeSync(namespace);
  }
}

/** A visit to the network of a process; it ends where it began. */
export class NetworkVisit implements Disposable {
  #back: number | undefined;

  private constructor(back: number | undefined) {
    this.#back = back;
  }

  /** @throws GodwitError NO_RIGHTS, NO_PROCESS */
  static of(pid: number): NetworkVisit {
    const own = readProcLink('self', 'ns/net');
    homeOf();
    if (readProcLink(pid, 'ns/net') === own) return new NetworkVisit(undefined);
    const there = openNetwork(pid);
    try {
      const back = openNetwork('self');
      const visit = new NetworkVisit(back);
      go(there, () => {
        closeSync(back);
      });
      return visit;
    } finally {
      closeSync(there);
    }
  }

  /** Ends it early. */
  [Symbol.dispose](): void {
    const back = this.#back;
    this.#back = undefined;
    if (back === undefined) return;
    try {
      go(back, () => undefined);
    } finally {
      closeSync(back);
    }
  }
}

/** Where this agent may not go there, `work` sees its own network. */
export function inNetworkOf<T>(pid: number, work: () => T): T {
  let visit: NetworkVisit | undefined;
  try {
    visit = NetworkVisit.of(pid);
  } catch (error) {
    if (!(error instanceof GodwitError) || (error.code !== 'NO_RIGHTS' && error.code !== 'NO_PROCESS'))
      throw error;
  }
  using _visit = visit;
  return work();
}

/** From now on this agent is in a new network. Returns a descriptor of the one that it was in. @throws GodwitError NO_RIGHTS */
export function enterNewNetwork(): number {
  const before = openNetwork('self');
  const program = new Program();
  const made = program.attempt('unshare', cloneNewnet);
  const errno = runLocal(program).number(made);
  if (errno === 0) return before;
  closeSync(before);
  throw new GodwitError('NO_RIGHTS', `a network namespace cannot be made: ${errnoName(errno)}`, {
    hint: 'run receive as root',
  });
}

/** A new network that ends with whoever holds the descriptor, or has a socket in there. @throws GodwitError NO_RIGHTS */
export function newNetwork(): number {
  homeOf();
  const back = enterNewNetwork();
  try {
    return openNetwork('self');
  } finally {
    go(back, () => undefined);
    closeSync(back);
  }
}

/** `work` sees the network of this descriptor. @throws GodwitError NO_RIGHTS */
export function inNetwork<T>(namespace: number, work: () => T): T {
  const back = openNetwork('self');
  try {
    go(namespace, () => undefined);
    try {
      return work();
    } finally {
      go(back, () => undefined);
    }
  } finally {
    closeSync(back);
  }
}

/** `work` sees a new network, which ends with it. @throws GodwitError NO_RIGHTS */
export function inScratchNetwork<T>(work: () => T): T {
  homeOf();
  const back = enterNewNetwork();
  try {
    return work();
  } finally {
    go(back, () => undefined);
    closeSync(back);
  }
}

function openNetwork(pid: number | 'self'): number {
  try {
    return openSync(`/proc/${pid}/ns/net`, 'r');
  } catch (cause) {
    throw new GodwitError('NO_PROCESS', `the network of process ${pid} cannot be opened`, { cause });
  }
}

function go(namespace: number, onFailure: () => void): void {
  const program = new Program();
  const gone = program.attempt('setns', namespace, cloneNewnet);
  const errno = runLocal(program).number(gone);
  if (errno === 0) return;
  onFailure();
  throw new GodwitError('NO_RIGHTS', `a network namespace cannot be entered: ${errnoName(errno)}`, {
    hint: 'it needs CAP_SYS_ADMIN: run migrate as root',
  });
}
