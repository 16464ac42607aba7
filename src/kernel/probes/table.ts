// Every facility that Godwit tries, in the order in which `godwit check` lists them. Names are stable: GODWIT_WITHOUT and
// scripts use them.
import { native } from '../../native.ts';
import type { NativeProbeName } from '../../native-probe.ts';
import { readExecStart } from '../proc/sched.ts';
import { readLimits } from '../proc/limits.ts';
import { readStatus } from '../proc/status.ts';
import { errnoName } from '../program.ts';
import { probeFreezer } from './freezer.ts';
import type { Outcome, Probe } from './report.ts';

/** Descriptors that an agent may need at once for a tree of some size. */
const enoughFiles = 4096n;

function required(name: NativeProbeName, what: string, cost: string): Probe {
  return { name, what, requiredFor: 'migration', cost, run: () => tryNative(name) };
}
function optional(name: NativeProbeName, what: string, cost: string): Probe {
  return { name, what, requiredFor: 'optional', cost, run: () => tryNative(name) };
}

export const probes: readonly Probe[] = [
  // Looking into a live process
  required('ptrace-seize', 'stop a process by ptrace', 'no process can be looked into'),
  required('process-vm', 'read and write another process by process_vm_readv', 'memory cannot be copied'),
  required(
    'vdso-patch',
    'write code into the spare end of a process’s vdso',
    'nothing can be asked inside a live process without a risk for it',
  ),
  required(
    'pidfd-getfd',
    'take descriptors from a process (pidfd_getfd)',
    'open files cannot be read or set up',
  ),
  optional(
    'map-files',
    'open mappings through /proc/PID/map_files',
    'trees with shared or deleted mappings are refused',
  ),
  required(
    'kcmp',
    'compare kernel objects of processes (kcmp)',
    'shared descriptors cannot be told from equal ones',
  ),
  optional(
    'ptrace-rseq',
    'read a thread’s rseq area',
    'programs of glibc 2.35 and newer lose restartable sequences',
  ),
  optional(
    'ptrace-suspend-seccomp',
    'suspend seccomp filters of a stopped process',
    'processes under seccomp filters are refused',
  ),
  optional('unix-diag', 'list unix sockets by netlink', 'trees with unix sockets are refused'),
  optional('inet-diag', 'list TCP and UDP sockets by netlink', 'backlogs of listeners are not known'),

  // Finding pages that have changed
  optional(
    'pagemap-scan',
    'PAGEMAP_SCAN (Linux 6.7)',
    'changed pages are found by soft-dirty bits or by comparing',
  ),
  optional(
    'userfaultfd-wp-async',
    'asynchronous write protection by userfaultfd (Linux 6.7)',
    'changed pages are found by soft-dirty bits or by comparing',
  ),
  optional(
    'soft-dirty',
    'soft-dirty bits of pages',
    'nothing where pagemap-scan works; else all memory is compared in each round',
  ),
  optional(
    'page-frames',
    'see page frame numbers in pagemap',
    'memory shared by copy-on-write is sent once for each process',
  ),
  optional(
    'procmap-query',
    'PROCMAP_QUERY (Linux 6.11)',
    'mappings are read as text, some 30 µs a process more in the freeze',
  ),
  optional('guard-regions', 'guard regions (Linux 6.13)', 'programs that use them cannot come here'),
  optional(
    'tcp-peek-off',
    'look behind urgent data of TCP connections (SO_PEEK_OFF, Linux 6.9)',
    'connections in which an urgent byte waits behind others cannot leave',
  ),
  optional('mseal', 'seal mappings (mseal, Linux 6.10)', 'programs that use it cannot come here'),
  optional(
    'protection-keys',
    'protection keys of memory (pkeys, by the CPU)',
    'programs that use them cannot come here',
  ),

  // Building a process
  required(
    'clone3-set-tid',
    'make a process with a chosen PID on this host',
    'trees arrive in a PID namespace of their own',
  ),
  optional(
    'new-user-namespace',
    'make a user namespace with PIDs and a /proc of its own',
    'only root can receive trees',
  ),
  required(
    'set-mm-map',
    'set a process’s memory layout (PR_SET_MM_MAP)',
    'heap, arguments and auxiliary vector cannot be set',
  ),
  required('vdso-remap', 'move the vdso', 'processes cannot get their vdso back where they know it'),
  {
    name: 'cgroup-v2-freezer',
    what: 'freeze processes by a cgroup v2 of our own',
    requiredFor: 'migration',
    cost: 'there is no fence that guarantees that a tree never runs twice',
    run: probeFreezer,
  },
  optional('new-pid-namespace', 'make a PID namespace', 'a tree whose PIDs are taken here cannot come'),
  optional('new-time-namespace', 'make a time namespace', 'monotonic clocks of a tree that comes here jump'),
  optional('change-user', 'become another user', 'only processes of this user can come here'),
  optional(
    'timer-restore-ids',
    'choose IDs of POSIX timers (Linux 6.16)',
    'high timer IDs are reached by counting up to them',
  ),
  optional(
    'tcp-repair',
    'read and set up TCP connections (TCP_REPAIR)',
    'established TCP connections are not moved',
  ),
  optional(
    'raise-limits',
    'raise hard limits (CAP_SYS_RESOURCE)',
    'trees with higher limits than this agent’s are refused',
  ),
  optional(
    'lower-oom-score',
    'protect processes from the OOM killer (CAP_SYS_RESOURCE)',
    'protected processes arrive unprotected',
  ),

  // What else is looked at
  {
    name: 'sched-exec-start',
    what: 'see when a thread last ran (/proc/PID/sched)',
    requiredFor: 'optional',
    cost: 'sleeping threads may sleep longer than they asked for',
    run: () =>
      readExecStart('self', process.pid) === undefined ? { ok: false, reason: 'not shown' } : { ok: true },
  },
  {
    name: 'restore-thread-state',
    what: 'save the processor’s extended state',
    requiredFor: 'migration',
    cost: 'registers cannot be saved',
    run: probeXsave,
  },
  {
    name: 'open-files',
    what: `open ${enoughFiles} files at once`,
    requiredFor: 'optional',
    cost: 'large trees may run out of descriptors: raise ulimit -n',
    run: probeOpenFiles,
  },
  {
    name: 'unfiltered',
    what: 'run without a seccomp filter of our own',
    requiredFor: 'optional',
    cost: 'a filter around the agent may forbid what the other lines do not show',
    run: () => ((readStatus('self')?.seccomp ?? 0) === 0 ? { ok: true } : { ok: false, reason: 'filtered' }),
  },
];

function tryNative(name: NativeProbeName): Outcome {
  const result = native.probe(name);
  if (result !== 0) return { ok: false, reason: reasonOf(name, result) };
  return name === 'vdso-patch' ? { ok: true, figure: `${native.vdsoTail()} bytes` } : { ok: true };
}

function reasonOf(name: NativeProbeName, result: number): string {
  const code = errnoName(result);
  if (code === 'ENODATA') return 'accepted, but without effect';
  if (code === 'ENOSPC' && name === 'vdso-patch') return `only ${native.vdsoTail()} bytes`;
  return code;
}

function probeXsave(): Outcome {
  const legacySize = 512;
  const size = native.xsaveSize();
  return size > legacySize ? { ok: true, figure: `${size} bytes` } : { ok: false, reason: 'no XSAVE' };
}

function probeOpenFiles(): Outcome {
  const hard = readLimits('self')?.get('nofile')?.hard ?? 0n;
  return hard >= enoughFiles ? { ok: true } : { ok: false, reason: `at most ${hard.toString()}` };
}
