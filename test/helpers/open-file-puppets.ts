// Processes that make open files, and others that look at them from the inside; open-file-trip.ts takes the files from one to the other.
// `make` and `check` are Python: `make` leaves in `keep` (a dict that travels as JSON) what `check` wants to know.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DumpedOpenFiles, surveyOpenFiles } from '../../src/source/open-files.ts';
import type { MessagesOf } from '../../src/source/resources/driver.ts';
import type { RestoredOpenFiles, RestoreOptions } from '../../src/target/restore-options.ts';
import { hasCommand } from './commands.ts';

const prelude = `
import os, sys, json, signal, socket, select, fcntl, struct, ctypes, time, traceback, stat, errno
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
mode, directory, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.chdir(directory)
os.closerange(0, 4096)
keep = {}
def path(name): return os.path.join(directory, name)
def write(name, text):
    fd = os.open(path(name + '.new'), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.write(fd, text.encode()); os.close(fd)
    os.rename(path(name + '.new'), path(name))
def read(name):
    fd = os.open(path(name), os.O_RDONLY); text = os.read(fd, 1 << 20).decode(); os.close(fd); return text
def expect(what, wanted, got):
    if wanted != got: raise Exception('%s: expected %r got %r' % (what, wanted, got))
def fails(what, number, call):
    try: call()
    except OSError as error: expect(what, errno.errorcode[number], errno.errorcode[error.errno])
    else: raise Exception(what + ': expected ' + errno.errorcode[number])
def numbers():
    found = []
    for fd in range(4096):
        try: fcntl.fcntl(fd, fcntl.F_GETFD); found.append(fd)
        except OSError: pass
    return found
def sock(fd): return socket.socket(fileno=fd)
def orphan():  # like fork, but the child is not ours: its parent is gone
    r, w = os.pipe(); middle = os.fork()
    if middle == 0:
        pid = os.fork()
        if pid == 0: os.close(r); os.close(w); return 0
        os.write(w, b'%d' % pid); os._exit(0)
    os.close(w); pid = int(os.read(r, 16)); os.close(r); os.waitpid(middle, 0)
    return pid
def freeze():
    os.kill(os.getpid(), signal.SIGSTOP)
    while True: signal.pause()
def main(make, check):
    try:
        if mode == 'make':
            make()
            write('keep', json.dumps(keep))
            freeze()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
        write('up%d' % number, str(os.getpid()))
        signal.sigwait([signal.SIGUSR1])
        keep.update(json.loads(read('keep')))
        check()
        write('result%d' % number, 'ok')
    except BaseException:
        write('result%d' % number if mode == 'check' else 'keep', traceback.format_exc())
    os._exit(0)
`;

export interface RoundTrip {
  readonly make: string;
  readonly check?: string;
  /** Names in `keep` of further processes that `make` forked (they stop themselves by freeze()). */
  readonly forked?: readonly string[];
  readonly tcpClose?: boolean;
  /** Runs while `make` runs: what it waits for from outside. */
  readonly started?: (directory: string) => Promise<void>;
  readonly beforeRestore?: (directory: string) => void;
  readonly afterRestore?: (restored: RestoredOpenFiles, directory: string) => void;
  readonly elapsed?: bigint;
  readonly objects?: (
    directory: string,
  ) => Partial<Pick<RestoreOptions, 'objectFd'>> & { objectOf?: (key: string) => number };
  /** What waits in a message queue; without, nothing does. */
  readonly messages?: MessagesOf;
  /** Ends the source only after the restore: both stand on one kernel, as in a real migration. */
  readonly sourceStays?: boolean;
}

export interface Result {
  readonly directory: string;
  readonly blockers: ReturnType<typeof surveyOpenFiles>;
  readonly dumped: DumpedOpenFiles;
  readonly restored: RestoredOpenFiles;
}

let python: string | undefined;
export async function pythonMissing(): Promise<string | false> {
  if (!(await hasCommand('python3'))) return 'python3 is not installed';
  python ??= execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], {
    encoding: 'utf8',
  }).trim();
  return false;
}

/** Ends what was started and removes what was written. */
export class Puppets implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'godwit-puppets-'));
  readonly #pids: number[] = [];

  async start(
    mode: 'make' | 'check',
    script: Pick<RoundTrip, 'make' | 'check' | 'started'>,
    number = 0,
  ): Promise<number> {
    const body = (text: string): string =>
      text
        .split('\n')
        .map((line) => `    ${line}`)
        .join('\n');
    const code = `${prelude}\ndef make():\n    pass\n${body(script.make)}\ndef check():\n    pass\n${body(script.check ?? '')}\nmain(make, check)\n`;
    const child = spawn(python ?? 'python3', ['-c', code, mode, this.directory, String(number)], {
      stdio: 'ignore',
    });
    const pid = child.pid;
    if (pid === undefined) throw new Error('python3 does not start');
    this.#pids.push(pid);
    child.on('exit', () => undefined);
    if (mode === 'make') await script.started?.(this.directory);
    await this.#waitFor(mode === 'make' ? 'keep' : `up${number}`);
    return pid;
  }

  /** What `make` kept; throws what it threw. */
  keep(): Record<string, unknown> {
    const text = readFileSync(join(this.directory, 'keep'), 'utf8');
    if (text.startsWith('Traceback')) throw new Error(text);
    return JSON.parse(text) as Record<string, unknown>;
  }

  async result(number = 0): Promise<string> {
    await this.#waitFor(`result${number}`);
    return readFileSync(join(this.directory, `result${number}`), 'utf8');
  }

  async stopped(pid: number): Promise<void> {
    await until(
      () => /^State:\tT/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')),
      `process ${pid} stops`,
    );
  }

  adopt(pid: number): void {
    this.#pids.push(pid);
  }

  async end(pids: readonly number[]): Promise<void> {
    for (const pid of pids) kill(pid);
    for (const pid of pids)
      await until(() => !existsSync(`/proc/${pid}/fd/0`) && !alive(pid), `process ${pid} ends`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end(this.#pids);
    rmSync(this.directory, { recursive: true, force: true });
  }

  async #waitFor(name: string): Promise<void> {
    await until(() => existsSync(join(this.directory, name)), `${name} is written`);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended
  }
}

function alive(pid: number): boolean {
  try {
    return !/^State:\t[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

export async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return;
    await sleep(10);
  }
  throw new Error(`in vain: ${what}`);
}
