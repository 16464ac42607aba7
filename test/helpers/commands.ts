// Commands of the test bed: run to the end with their output, or started and watched. Nothing here knows of hosts.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly input?: string | undefined;
  /** The command is killed after this time; 0 means never. */
  readonly timeoutMs?: number | undefined;
  /** Called with each piece of standard output as it comes (the live display of the demo). */
  readonly onOutput?: ((text: string) => void) | undefined;
  /** Standard output and error go to the terminal instead of being collected. */
  readonly inherit?: boolean | undefined;
}

export interface CommandResult {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

function endGroup(child: ChildProcess): void {
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  } catch {
    child.kill('SIGKILL'); // it shares our group
  }
}

export class StartedCommand {
  readonly child: ChildProcess;
  readonly ended: Promise<CommandResult>;
  /** What has been written so far. */
  stdout = '';
  stderr = '';

  constructor(command: string, args: readonly string[], options: CommandOptions = {}) {
    const output = options.inherit === true ? 'inherit' : 'pipe';
    const child = spawn(command, args, {
      env: { ...process.env, ...options.env },
      stdio: ['pipe', output, output],
      detached: options.inherit !== true, // a group of its own, so that a time-out ends all of it
    });
    this.child = child;
    child.stdin?.on('error', () => undefined); // it may have ended before it read
    child.stdin?.end(options.input ?? '');
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      options.onOutput?.(text);
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    const timeoutMs = options.timeoutMs ?? 120_000;
    const timer =
      timeoutMs > 0
        ? setTimeout(() => {
            endGroup(child);
          }, timeoutMs)
        : undefined;
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr });
      });
    });
    this.ended.catch(() => undefined); // whoever waits sees it; nobody has to
  }
}

/** Runs a command to its end. Whether its code is good is for the caller to say. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  return new StartedCommand(command, args, options).ended;
}

/** Runs a command that must succeed and gives back what it printed. */
export async function mustRun(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const result = await runCommand(command, args, options);
  if (result.code !== 0) {
    throw new Error(
      `${command} ${args.join(' ')}: ${String(result.code ?? result.signal)}\n${result.stdout}${result.stderr}`,
    );
  }
  return result.stdout;
}

export async function hasCommand(name: string): Promise<boolean> {
  return (await runCommand('sh', ['-c', `command -v ${name}`])).code === 0;
}

export async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Looks again and again until `look` gives something; throws with `what` when it does not in time. */
export async function until<T>(
  what: string | (() => string),
  look: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 20_000,
  everyMs = 10,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) {
      throw new Error(`not within ${timeoutMs} ms: ${typeof what === 'string' ? what : what()}`);
    }
    await sleep(everyMs);
  }
}
