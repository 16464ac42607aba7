// A command that answers and goes on: a process of its own does the work, in its own session, and writes to the same terminal; when it has
// said what it had to say, the one that was called ends with its exit code.
//
//   shell ── godwit migrate ...            waits, passes signals on ──────── ends with the code
//               └── godwit migrate ...     checks, migrates, reports ── "code" ── forwards ───────> ends by itself
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { GodwitError, exitCodes } from '../errors.ts';

const variable = 'GODWIT_BACKGROUND';
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

interface Answer {
  readonly code: number;
}

export const isBackground = (): boolean => process.env[variable] === '1' && process.send !== undefined;

/** Runs this very command line in the background until it answers or ends; sets the exit code. */
export async function inBackground(): Promise<void> {
  const child = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    detached: true,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, [variable]: '1' },
  });
  const passOn = (signal: NodeJS.Signals): void => {
    child.kill(signal);
  };
  for (const signal of signals) process.on(signal, passOn);
  try {
    process.exitCode = await new Promise<number>((resolve, reject) => {
      child.once('error', (cause) => {
        reject(new GodwitError('INTERNAL', 'the process that is to forward cannot be started', { cause }));
      });
      child.once('exit', (code) => {
        resolve(code ?? exitCodes.failed);
      });
      child.once('message', (answer) => {
        resolve((answer as Answer).code);
      });
    });
  } finally {
    for (const signal of signals) process.off(signal, passOn);
    if (child.connected) child.disconnect();
    child.unref();
  }
}

let callerGone: (() => void) | undefined;

/** In the background: the command that was called died before it had its answer. */
export function onCallerGone(callback: () => void): void {
  if (!isBackground()) return;
  callerGone = callback;
  process.once('disconnect', () => callerGone?.());
  process.channel?.unref(); // a listener alone keeps no process
}

/** From the background: the caller ends with this code, and nobody hears this process any more. */
export function goToBackground(code: number): void {
  callerGone = undefined;
  const answer: Answer = { code };
  process.send?.(answer, undefined, undefined, () => {
    if (process.connected) process.disconnect(); // else the caller has died just now
  });
  process.chdir('/');
  // Whoever reads what the command writes waits for the end of it.
  for (const fd of [1, 2]) {
    closeSync(fd);
    openSync('/dev/null', 'w'); // takes the lowest number that is free
  }
}
