// Protection keys in a shell, when its memory has its final protection: no shell has any before, so that none inherits from another
// what it must not have. All keys are allocated first, in order, since a mapping may have any, also one that was freed; then the kernel is
// made to choose the right one for execute-only memory; then those go that the process has not.
import { GodwitError } from '../errors.ts';
import { keyCount, type ProtectionKeys } from '../images/protection-keys.ts';
import type { ThreadImage } from '../images/thread.ts';
import { errnoName, Program } from '../kernel/program.ts';
import { may } from '../kernel/rights.ts';
import { native } from '../native.ts';
import { isExecuteOnly } from './layout-difference.ts';
import type { Range } from './scratch.ts';
import type { Shell } from './shell.ts';

const protExec = 4;
const keys = Array.from({ length: keyCount }, (_, key) => key);

type Step = (program: Program) => void;

/**
 * Preconditions: its memory has its protection and is locked, and nothing is sealed. No other process will be cloned from this one.
 * @throws GodwitError UNSUPPORTED, REMOTE_CALL
 */
export function giveKeys(shell: Shell, wanted: ProtectionKeys): void {
  if (!may('protection-keys'))
    throw new GodwitError('UNSUPPORTED', `${shell.name} uses protection keys, and this host has none`, {
      hint: 'choose a target whose CPU and kernel have them (pkeys(7))',
    });
  allocateAll(shell);
  shell.runSteps(labels(shell, wanted));
  if (wanted.executeOnly !== undefined) shell.run(choosing(shell, wanted, wanted.executeOnly));
  const { allocated, executeOnly } = wanted;
  const surplus = keys.filter((key) => (allocated & (1 << key)) === 0 && key !== executeOnly);
  shell.runSteps(surplus.map((key) => (program) => void program.call('pkey_free', key)));
}

/**
 * What each thread may do by its keys, before it hands the kernel addresses: those may lie in memory that only this thread may touch. (All
 * registers follow when the shells are let go.)
 */
export function openMemory(shell: Shell, threads: readonly ThreadImage[]): void {
  for (const { tid, xstate } of threads) {
    const result = native.setXstate(shell.tid(tid), xstate);
    if (result < 0)
      throw new GodwitError(
        'SYSCALL',
        `cannot set the extended state of thread ${tid}: ${errnoName(result)}`,
      );
  }
}

/** pkey_alloc(2) gives the lowest free one (mm_pkey_alloc, arch/x86/include/asm/pkeys.h). */
function allocateAll(shell: Shell): void {
  const program = new Program();
  const given = keys.slice(1).map((key) => ({ key, answer: program.call('pkey_alloc', 0, 0) }));
  const outcome = shell.run(program);
  for (const { key, answer } of given) {
    if (outcome.number(answer) !== key)
      throw new GodwitError(
        'INTERNAL',
        `${shell.name} was given protection key ${outcome.number(answer)} instead of ${key}`,
      );
  }
}

/** Protection as it is, and the key besides. */
function labels({ mappings }: Shell, wanted: ProtectionKeys): Step[] {
  return wanted.mappings.flatMap(({ start, end, key }) =>
    mappings
      .filter((mapping) => mapping.start < end && start < mapping.end)
      .map((mapping): Step => {
        const range: Range = { start: Math.max(start, mapping.start), end: Math.min(end, mapping.end) };
        return (program) =>
          void program.call('pkey_mprotect', range.start, range.end - range.start, mapping.protection, key);
      }),
  );
}

/**
 * The kernel takes a free key when it makes memory execute-only for the first time (execute_only_pkey, arch/x86/mm/pkeys.c): the only
 * one that is free.
 */
function choosing({ mappings, name }: Shell, wanted: ProtectionKeys, key: number): Program {
  const place = wanted.mappings.find(
    (range) =>
      range.key === key &&
      mappings.some((at) => isExecuteOnly(at) && at.start <= range.start && range.end <= at.end),
  );
  if (place === undefined)
    throw new GodwitError('PROTOCOL', `${name}: no memory has the key of execute-only memory`);
  const program = new Program();
  program.call('pkey_free', key);
  program.call('mprotect', place.start, place.end - place.start, protExec);
  return program;
}
