// Locked sockets of connections that are forwarded. As long as this host has them, its kernel answers nothing to what comes for them: for
// a connection that it does not know it would reset the other end. They are in repair mode, and end without a word.
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import { endpointKey } from '../../kernel/socket-address.ts';
import { closeLocal, socketFacts } from '../../kernel/socket-facts.ts';
import { connectionName } from '../../kernel/forwarded-connections.ts';

const fDupfdCloexec = 1030;

export class KeptSockets implements Disposable {
  readonly #unnamed: number[] = [];
  readonly #byName = new Map<string, number>();

  /** Copies of these. In the freeze: names can wait. @throws GodwitError SYSCALL */
  add(fds: readonly number[]): void {
    const program = new Program();
    const copies = fds.map((fd) => program.call('fcntl', fd, fDupfdCloexec, 0));
    const outcome = runLocal(program, 'sockets that are kept');
    this.#unnamed.push(...copies.map((copy) => outcome.number(copy)));
  }

  /** Keeps those of connections that have one of these names. */
  only(names: Pick<ReadonlySet<string>, 'has'>): void {
    for (const fd of this.#unnamed.splice(0)) {
      const { local, remote } = socketFacts(fd);
      const name = remote === undefined ? '' : connectionName(endpointKey(local), endpointKey(remote));
      if (names.has(name) && !this.#byName.has(name)) this.#byName.set(name, fd);
      else closeLocal(fd);
    }
  }

  /** The connection has ended: whoever uses its ports again finds nobody. */
  end(name: string): void {
    const fd = this.#byName.get(name);
    if (fd !== undefined) closeLocal(fd);
    this.#byName.delete(name);
  }

  [Symbol.dispose](): void {
    closeLocal(...this.#unnamed.splice(0), ...this.#byName.values());
    this.#byName.clear();
  }
}
