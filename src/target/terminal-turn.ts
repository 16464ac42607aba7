// Numbers of pseudoterminals are taken one agent at a time: who climbs to a number holds those below it for a moment, and two who climb at
// once would find each other's numbers in use.
import { closeSync, openSync } from 'node:fs';
import { GodwitError } from '../errors.ts';
import { runLocal } from '../kernel/local-program.ts';
import { pause } from '../kernel/pause.ts';
import { errnoName, Program } from '../kernel/program.ts';

const exclusiveNow = 2 | 4; // LOCK_EX | LOCK_NB
/** A climb takes a few milliseconds, unless its agent finds no processor. */
const patienceMs = 10_000;

/**
 * Does `work` while no other agent does any for this devpts: its directory is locked (flock(2)), which ends with the descriptor,
 * also when this agent is killed. @throws GodwitError TIMEOUT, SYSCALL, and what `work` throws
 */
export function inTurn<T>(devpts: string, work: () => T): T {
  const fd = openDirectory(devpts);
  try {
    const end = performance.now() + patienceMs;
    for (;;) {
      const got = lock(fd);
      if (got === 0) return work();
      if (errnoName(got) !== 'EAGAIN')
        throw new GodwitError('SYSCALL', `${devpts} cannot be locked: ${errnoName(got)}`);
      if (performance.now() > end) {
        throw new GodwitError('TIMEOUT', `another migration takes terminals of ${devpts} without end`);
      }
      pause(1);
    }
  } finally {
    closeSync(fd);
  }
}

function openDirectory(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw new GodwitError(
      'REFUSED',
      `no pseudoterminals can be made on the target: ${path} cannot be opened`,
      {
        hint: 'the tree has terminals: give receive a devpts mounted there',
        cause,
      },
    );
  }
}

function lock(fd: number): number {
  const program = new Program();
  const result = program.attempt('flock', fd, exclusiveNow);
  return runLocal(program).number(result);
}
