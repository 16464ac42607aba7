// Names of unix sockets. A path that exists (the source's own, on shared storage) is put aside, so that it can be put
// back until COMMIT; abstract names belong to the network namespace and are simply taken.
import { lstatSync, renameSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { GodwitError } from '../../errors.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { unixName } from '../../kernel/socket-address.ts';
import { asUser } from '../security/as-user.ts';
import { bindSocket } from './bind-socket.ts';
import type { UndoLog } from './undo-log.ts';
import { unixAddress } from './unix-pairs.ts';

type SocketFile = ResourceImage<'unix'>['file'];

const atFdcwd = -100;
const directoryCloexec = 0o2200000;

export class UnixNames {
  readonly #undo: UndoLog;
  #count = 0;

  constructor(undo: UndoLog) {
    this.#undo = undo;
  }

  /** bind(2), with the file's mode and owner. @throws GodwitError REFUSED */
  bind(fd: number, name: Uint8Array, file: SocketFile): void {
    asUser(() => {
      this.#bind(fd, name, file);
    });
  }

  /** Binds a socket whose name leads to it for a moment only; whatever has the name now gets it back. */
  borrow<T>(fd: number, name: Uint8Array, file: SocketFile, use: () => T): T {
    return asUser(() => this.#borrow(fd, name, file, use));
  }

  #bind(fd: number, name: Uint8Array, file: SocketFile): void {
    if (name[0] === 0 || file === undefined) {
      const result = bindSocket(fd, unixAddress(name));
      if (result < 0) throw cannotBind(unixName(name), result);
      return;
    }
    if (!file.present) {
      this.#borrow(fd, name, file, () => undefined);
      return;
    }
    const path = resolve(file.directory, unixName(name));
    const aside = this.#asideName(path);
    if (aside === undefined) this.#undo.add({ kind: 'unlink', path });
    else {
      this.#undo.add({ kind: 'rename', from: aside, to: path });
      renameSync(path, aside);
      this.#undo.removeAtCommit(aside);
    }
    bindIn(file.directory, fd, name);
    const program = new Program();
    const where = program.cstring(path);
    program.call('chmod', where, file.mode);
    program.attempt('chown', where, file.uid, file.gid);
    runLocal(program, path);
  }

  #borrow<T>(fd: number, name: Uint8Array, file: SocketFile, use: () => T): T {
    const isPath = name[0] !== 0;
    const directory = file?.directory ?? '/';
    const path = resolve(directory, unixName(name));
    const aside = isPath ? this.#asideName(path) : undefined;
    if (aside !== undefined) {
      this.#undo.add({ kind: 'rename', from: aside, to: path });
      renameSync(path, aside);
    }
    try {
      if (isPath) bindIn(directory, fd, name);
      else if (bindSocket(fd, unixAddress(name)) < 0) throw cannotBind(unixName(name), -98);
      listen(fd);
      return use();
    } finally {
      if (aside !== undefined) renameSync(aside, path);
      else if (isPath) rmSync(path, { force: true });
    }
  }

  /** A free name beside an existing one; undefined when there is nothing to put aside. */
  #asideName(path: string): string | undefined {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return undefined;
    return `${path}.godwit-${process.pid}-${this.#count++}`;
  }
}

/** Datagram sockets do not listen: EOPNOTSUPP is fine. */
function listen(fd: number): void {
  const program = new Program();
  program.attempt('listen', fd, 1);
  runLocal(program);
}

/** Binds a name that counts from a directory: the kernel keeps it as it was given. */
function bindIn(directory: string, fd: number, name: Uint8Array): void {
  const address = unixAddress(name);
  const program = new Program();
  const here = program.call('openat', atFdcwd, program.cstring('.'), directoryCloexec, 0);
  const entered = program.attempt('chdir', program.cstring(directory));
  const result = program.attempt('bind', fd, program.bytes(address), address.length);
  program.call('fchdir', here);
  program.call('close', here);
  const outcome = runLocal(program);
  const errno = Math.min(outcome.number(entered), outcome.number(result));
  if (errno < 0) throw cannotBind(resolve(directory, unixName(name)), errno);
}

function cannotBind(name: string, errno: number): GodwitError {
  return new GodwitError(
    'REFUSED',
    `unix socket ${name} cannot be bound on the target: ${errnoName(errno)}`,
    {
      hint: 'another program has the name, or its directory is missing',
    },
  );
}
