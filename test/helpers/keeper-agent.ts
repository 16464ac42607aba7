// An agent to be killed: a process that has a keeper and does with it what the test says (over the IPC channel of fork).
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Fence } from '../../src/kernel/fence.ts';
import { openNonblock, openQueue, openReadWrite } from '../../src/kernel/message-queues.ts';
import { Keeper, type KeeperShell, type ShellOrder } from '../../src/kernel/keeper.ts';
import type { KeeperStart } from '../../src/kernel/keeper-process.ts';
import type { OwnerState } from '../../src/kernel/owner-word.ts';
import { asGodwitError } from '../../src/errors.ts';
import { readConnection } from '../../src/kernel/read-connection.ts';
import { native } from '../../src/native.ts';
import { AddressesAway, MovingAddresses } from '../../src/source/moving-addresses.ts';

interface Answer {
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string };
}

let keeper: Keeper | undefined;
let fence: Fence | undefined;

function theKeeper(): Keeper {
  if (keeper === undefined) throw new Error('start first');
  return keeper;
}

function theFence(): Fence {
  fence ??= Fence.at(theKeeper().status().fence ?? '');
  return fence;
}

const steps = {
  async start(options: KeeperStart) {
    keeper = await Keeper.start(options);
    return keeper.process?.pid;
  },
  fence: (pids: readonly number[]) => {
    const began = performance.now();
    fence = Fence.around(theKeeper().id, pids, theKeeper());
    return { pids: fence.pids(), dirs: fence.dirs, ms: performance.now() - began };
  },
  freeze: () => {
    const began = performance.now();
    theFence().freeze();
    return performance.now() - began;
  },
  change: (from: OwnerState, to: OwnerState) => theKeeper().word.change(from, to),
  spawn: (order: ShellOrder) => theKeeper().spawnShell(order),
  poke: (pid: number, address: number, value: number) => theKeeper().undoPoke(pid, address, value),
  /** Locks the connections of a process, as the dump does. */
  lock: (pid: number, connections: readonly { readonly fd: number; readonly reuse: boolean }[]) => {
    const pidfd = native.pidfdOpen(pid);
    for (const { fd, reuse } of connections) {
      const copy = native.pidfdGetfd(pidfd, fd);
      const [locked] = theKeeper().network.lock([copy]);
      if (locked?.reuse !== reuse) throw new Error(`descriptor ${fd}: the keeper sees another SO_REUSEADDR`);
      readConnection(copy, locked.window);
    }
  },
  /** Takes addresses off the host, as between PREPARED and COMMIT. */
  takeOff: (addresses: readonly string[]) => {
    const moves = addresses.map((address) => ({ address, device: undefined }));
    new AddressesAway(new MovingAddresses(moves), theKeeper(), () => {
      // nothing comes back here
    }).takeOff();
  },
  look: (queue: string, times: number) => {
    const fd = openQueue(queue, openReadWrite | openNonblock);
    for (let i = 0; i < times; i++) theKeeper().messages(fd);
    return times;
  },
  run: () => {
    theKeeper().run();
  },
  abort: () => theKeeper().abort(),
  finish: () => theKeeper().finish(),
  close: () => theKeeper().close(),
};
type Steps = typeof steps;

/** The test's side of an agent. */
export class KilledAgent {
  readonly #child: ChildProcess;

  /** `ownNetwork`: in a network namespace of its own, with its keeper. */
  constructor({ ownNetwork = false } = {}) {
    const node = ['--import', 'tsx'];
    this.#child = fork(fileURLToPath(import.meta.url), {
      execPath: ownNetwork ? 'unshare' : process.execPath,
      execArgv: ownNetwork ? ['--net', process.execPath, ...node] : node,
      env: { ...process.env, KEEPER_AGENT: '1' },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Rejects with "CODE: message" when the step threw in the agent. */
  async do<K extends keyof Steps>(
    step: K,
    ...args: Parameters<Steps[K]>
  ): Promise<Awaited<ReturnType<Steps[K]>>> {
    const answered = once(this.#child, 'message');
    this.#child.send({ step, args });
    const [answer] = (await answered) as [Answer];
    if (answer.error !== undefined) throw new Error(`${answer.error.code}: ${answer.error.message}`);
    return answer.result as Awaited<ReturnType<Steps[K]>>;
  }

  async spawn(order: Omit<ShellOrder, 'agentPidfd'>): Promise<KeeperShell> {
    return this.do('spawn', { agentPidfd: 500, ...order });
  }

  /** SIGKILL; resolves when it has been reaped. */
  async kill(): Promise<void> {
    const ended = once(this.#child, 'exit');
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await ended;
  }

  /** SIGKILL without waiting for anything. */
  killNow(): void {
    this.#child.kill('SIGKILL');
  }
}

async function serve(step: keyof Steps, args: readonly unknown[]): Promise<Answer> {
  try {
    return { result: await (steps[step] as (...all: readonly unknown[]) => unknown)(...args) };
  } catch (error) {
    const { code, message } = asGodwitError(error);
    return { error: { code, message } };
  }
}

if (process.env['KEEPER_AGENT'] === '1') {
  process.on('message', (order: { step: keyof Steps; args: readonly unknown[] }) => {
    void serve(order.step, order.args).then((answer) => process.send?.(answer));
  });
}
