// Signals that nothing comes of. The kernel does not even queue them, but for a traced thread (sig_ignored in kernel/signal.c).
import type { TaskStatus } from '../../kernel/proc/status.ts';

/** signal(7): SIGCHLD, SIGCONT, SIGURG, SIGWINCH. */
const byDefault = [17, 18, 23, 28].reduce((mask, signal) => mask | bit(signal), 0n);

function bit(signal: number): bigint {
  return 1n << BigInt(signal - 1);
}

/** Bit n-1 stands for signal n. */
export function ignoredSignals({ sigIgn, sigCgt }: Pick<TaskStatus, 'sigIgn' | 'sigCgt'>): bigint {
  return sigIgn | (byDefault & ~sigCgt);
}

export function isIgnored(signal: number, status: Pick<TaskStatus, 'sigIgn' | 'sigCgt'>): boolean {
  return (ignoredSignals(status) & bit(signal)) !== 0n;
}
