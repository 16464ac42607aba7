// Swap space for a test, in a file of its own. It is the whole machine's while it is there.
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCommand } from './commands.ts';

const mebibyte = 1024 * 1024;

export class SwapSpace implements AsyncDisposable {
  readonly #directory: string;
  readonly #path: string;
  /** Why there is none. */
  readonly missing: string | undefined;

  private constructor(directory: string, path: string, missing: string | undefined) {
    this.#directory = directory;
    this.#path = path;
    this.missing = missing;
  }

  static async make(mebibytes: number): Promise<SwapSpace> {
    const directory = mkdtempSync(join(tmpdir(), 'godwit-swap-'));
    const path = join(directory, 'swap');
    const fd = openSync(path, 'wx', 0o600);
    const zeros = Buffer.alloc(mebibyte); // without holes: swapon(2) wants it so
    for (let i = 0; i < mebibytes; i++) writeSync(fd, zeros);
    closeSync(fd);
    let missing: string | undefined;
    for (const command of ['mkswap', 'swapon']) {
      const { code, stderr } = await runCommand(command, [path]);
      if (code !== 0) missing ??= `no swap space can be made: ${command}: ${stderr.trim()}`;
    }
    return new SwapSpace(directory, path, missing);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.missing === undefined) {
      const { code, stderr } = await runCommand('swapoff', [this.#path]);
      if (code !== 0) throw new Error(`swapoff ${this.#path}: ${stderr}`);
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
