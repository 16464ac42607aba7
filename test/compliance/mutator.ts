// Drives the C workload mutator.c: builds it, starts it, tells it how many operations to execute, and knows its processes.
import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { native } from '../../src/native.ts';

const slotCount = 12;
const slotBytes = 64;
const field = { pid: 0, target: 1, done: 2, request: 3, answer: 4, generation: 5, lastOp: 6 } as const;
/** Set in a slot that is claimed for a child; the rest is the PID of its parent. */
const claimed = 0x8000_0000;
const request = { none: 0, userfaultfd: 1, close: 2, quit: 3 } as const;
const source = join(import.meta.dirname, 'mutator.c');
const compilerFlags = ['-O1', '-g', '-Wall', '-Wextra', '-Werror'];

export interface BuiltMutator {
  readonly binary: string;
  /** A temporary folder, which the caller removes: its data, and its control files. */
  readonly directory: string;
}

/** Compiles the C program of this folder. Where there is no compiler GODWIT_PREBUILT is a folder that has it. */
export function buildMutator(): BuiltMutator {
  const directory = mkdtempSync(join(tmpdir(), 'godwit-mutator-'));
  const prebuilt = process.env['GODWIT_PREBUILT'];
  const binary = join(prebuilt ?? directory, 'mutator');
  if (prebuilt === undefined) execFileSync('cc', [...compilerFlags, '-o', binary, source]);
  const data = new Uint32Array(1 << 20); // 4 MiB of noise at the start of a sparse file
  let word = 1;
  for (let i = 0; i < data.length; i++) data[i] = word = (Math.imul(word, 1664525) + 1013904223) >>> 0;
  const fd = openSync(join(directory, 'data'), 'w');
  writeSync(fd, data);
  ftruncateSync(fd, 32 << 20);
  closeSync(fd);
  return { binary, directory };
}

export function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** One letter of /proc/PID/stat; undefined: no such process. */
export function stateOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.charAt(stat.lastIndexOf(')') + 2);
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  const state = stateOf(pid);
  return state !== undefined && state !== 'Z' && state !== 'X';
}

export class Mutator {
  readonly #child: ChildProcess;
  readonly #fd: number;
  readonly #control: string;

  constructor(built: BuiltMutator, seed: number) {
    this.#control = join(built.directory, `control-${seed}`);
    this.#fd = openSync(this.#control, 'w+');
    ftruncateSync(this.#fd, slotCount * slotBytes);
    const args = [this.#control, join(built.directory, 'data'), String(seed)];
    this.#child = spawn(built.binary, args, { stdio: 'ignore' });
    this.#until(() => this.pids().length > 0, 'the workload does not start');
  }

  get rootPid(): number {
    return this.#child.pid ?? 0;
  }

  /** Living processes of the tree. Slots of those that were killed become free. */
  pids(): number[] {
    const pids: number[] = [];
    for (let slot = 0; slot < slotCount; slot++) {
      const pid = this.#get(slot, field.pid);
      const isClaim = pid >= claimed;
      if (pid === 0) continue;
      if (!isAlive(isClaim ? pid - claimed : pid)) this.#set(slot, field.pid, 0);
      else if (!isClaim) pids.push(pid);
    }
    return pids;
  }

  /** Every process executes so many more operations, from now on. */
  go(operations: number): void {
    for (const pid of this.pids()) {
      const slot = this.#slot(pid);
      if (slot !== undefined) this.#set(slot, field.target, this.#get(slot, field.target) + operations);
    }
  }

  /** Waits until all processes have done what they were told. */
  settle(): void {
    this.#until(
      () =>
        this.pids().every((pid) => {
          const slot = this.#slot(pid);
          return slot === undefined || this.#get(slot, field.done) === this.#get(slot, field.target);
        }),
      'the workload hangs',
    );
  }

  /** A userfaultfd of the process as a descriptor of ours; none stays in the process. Negative errno when it is gone. */
  userfaultfd(pid: number): number {
    const slot = this.#slot(pid);
    const esrch = -3;
    if (slot === undefined) return esrch;
    const ask = (what: number): void => {
      this.#set(slot, field.request, what);
      this.#until(
        () => this.#get(slot, field.request) === request.none || !isAlive(pid),
        'no answer of the workload',
      );
    };
    ask(request.userfaultfd);
    if (!isAlive(pid)) return esrch;
    const pidfd = native.pidfdOpen(pid);
    const fd = native.pidfdGetfd(pidfd, this.#get(slot, field.answer));
    native.closeFd(pidfd);
    ask(request.close);
    return fd;
  }

  /** Stops every process where it is. Returns who stands. */
  stop(): number[] {
    for (;;) {
      const pids = this.pids();
      for (const pid of pids) signal(pid, 'SIGSTOP');
      this.#until(
        () => pids.every((pid) => stateOf(pid) === 'T' || !isAlive(pid)),
        'the workload does not stop',
      );
      const now = this.pids();
      if (now.length === pids.length && now.every((pid) => stateOf(pid) === 'T')) return now;
    }
  }

  cont(): void {
    for (const pid of this.pids()) signal(pid, 'SIGCONT');
  }

  /** For messages: what a process did last. */
  lastOperation(pid: number): string {
    const slot = this.#slot(pid);
    return slot === undefined
      ? 'gone'
      : `operation ${this.#get(slot, field.done)}, kind ${this.#get(slot, field.lastOp)}`;
  }

  async end(): Promise<void> {
    for (const pid of this.pids()) signal(pid, 'SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      await new Promise<void>((resolve) => {
        this.#child.once('exit', () => {
          resolve();
        });
      });
    }
    closeSync(this.#fd);
    rmSync(this.#control, { force: true });
  }

  #slot(pid: number): number | undefined {
    for (let slot = 0; slot < slotCount; slot++) if (this.#get(slot, field.pid) === pid) return slot;
    return undefined;
  }

  #get(slot: number, at: number): number {
    const word = new Uint32Array(1);
    readSync(this.#fd, word, 0, 4, slot * slotBytes + 4 * at);
    return word[0] ?? 0;
  }

  #set(slot: number, at: number, value: number): void {
    writeSync(this.#fd, Uint32Array.of(value), 0, 4, slot * slotBytes + 4 * at);
  }

  #until(isDone: () => boolean, message: string): void {
    // Longer and longer looks: on a single processor whoever looks keeps the workload from its work.
    for (let waitedMs = 0, pauseMs = 0.1; !isDone(); pauseMs = Math.min(2, 2 * pauseMs)) {
      if (waitedMs > 60_000) throw new Error(message);
      pause(pauseMs);
      waitedMs += pauseMs;
    }
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended meanwhile.
  }
}
