// Seccomp filters of shells. They are suspended (PTRACE_O_SUSPEND_SECCOMP, Linux 4.3) until the shell is let go, so that
// programs run on under them; installed with the agent's CAP_SYS_ADMIN, they need no no_new_privs.
import { GodwitError } from '../../errors.ts';
import type { Seccomp } from '../../images/seccomp.ts';
import type { ProcessState } from '../../images/state.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { native } from '../../native.ts';
import { traceOptions } from '../first-shell.ts';
import type { Shell } from '../shell.ts';

const suspendSeccomp = 0x20_0000;
const setModeFilter = 1;
/** The filters of all threads become the very same ones: later uses of it by the program want that (seccomp(2)). */
const flagTsync = 1;
const flagLog = 2;
const instructionSize = 8;

/** Preconditions: all threads are born and have the agent's rights. @throws GodwitError NO_RIGHTS, PROTOCOL, REMOTE_CALL */
export function installFilters(shell: Shell, { seccomp, threads }: ProcessState): void {
  if (seccomp === undefined) return;
  for (const tid of shell.tids.values()) suspend(shell, tid);
  const own = new Map(seccomp.threads.map(({ tid, filters }) => [tid, filters]));
  const lists = threads.map(({ tid }) => own.get(tid) ?? []);
  const common = commonLength(lists);
  for (const number of lists[0]?.slice(0, common) ?? [])
    install(shell, shell.vpid, seccomp, number, flagTsync);
  for (const [i, { tid }] of threads.entries())
    for (const number of lists[i]?.slice(common) ?? []) install(shell, tid, seccomp, number, 0);
}

function suspend(shell: Shell, tid: number): void {
  const result = native.setOptions(tid, traceOptions | suspendSeccomp);
  if (result >= 0) return;
  throw new GodwitError(
    'NO_RIGHTS',
    `${shell.name} has seccomp filters, which cannot be installed here: ${errnoName(result)}`,
    { hint: 'start receive with CAP_SYS_ADMIN, and outside of any seccomp filter' },
  );
}

/** How many filters, from the oldest on, all threads have alike. */
export function commonLength(lists: readonly (readonly number[])[]): number {
  const [first = [], ...others] = lists;
  const differs = first.findIndex((number, i) => others.some((list) => list[i] !== number));
  return differs < 0 ? first.length : differs;
}

function install(shell: Shell, vtid: number, { filters }: Seccomp, number: number, flags: number): void {
  const filter = filters[number];
  if (filter === undefined)
    throw new GodwitError('PROTOCOL', `the source named seccomp filter ${number}, which it never described`);
  const { program: code, log } = filter;
  const program = new Program();
  // struct sock_fprog: how many instructions (u16), where they are.
  const list = program.words(code.length / instructionSize, shell.scratch.place(code));
  const result = program.call('seccomp', setModeFilter, flags | (log ? flagLog : 0), list);
  const refused = shell.run(program, vtid).number(result);
  // With TSYNC the call does not fail: it names the thread that stands in the way.
  if (refused !== 0) throw new GodwitError('INTERNAL', `${shell.name}: thread ${refused} takes no filter`);
}
