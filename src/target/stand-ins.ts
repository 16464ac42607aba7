// Processes that stand in, for a moment, for those that made sockets of the tree, or sent messages that wait in them, and are not part of it: they have ended, or
// stayed on the source. With the same PID where it is free: whoever asks SO_PEERCRED sees the number that it has seen before,
// and finds no process of that number, as is the truth here.
import { GodwitError } from '../errors.ts';
import { bearStandIn } from './births.ts';
import { awaitShell, endShell, killShell } from './end-shell.ts';
import type { Actor } from './resources/driver.ts';
import type { ShellTree } from './shell-tree.ts';
import type { Shell } from './shell.ts';

/** The key of who has no number of the tree's. */
const anyone = -1;

export class StandIns implements Disposable {
  readonly #tree: ShellTree;
  readonly #warn: (text: string) => void;
  readonly #born = new Map<number, Shell>();

  constructor(tree: ShellTree, warn: (text: string) => void) {
    this.#tree = tree;
    this.#warn = warn;
  }

  /** vpid 0: somebody whom the tree does not see. */
  actor(vpid: number): Actor | undefined {
    const known = this.#tree.shells.get(vpid) ?? this.#born.get(vpid);
    if (known !== undefined) return known;
    const parent = this.#parent();
    if (parent === undefined) return undefined;
    const shell = this.#bear(parent, vpid);
    this.#born.set(vpid, shell);
    return shell;
  }

  /** Whoever: a process of the tree's PID namespace that will have ended when the tree runs. */
  anyone(): Actor | undefined {
    const parent = this.#parent();
    if (parent === undefined) return undefined;
    const shell = this.#born.get(anyone) ?? bearStandIn(parent, 0);
    this.#born.set(anyone, shell);
    return shell;
  }

  /** Ends them: no process of the tree may see one. */
  end(): void {
    const parent = this.#parent();
    for (const shell of this.#born.values()) endShell(shell, parent);
    this.#born.clear();
  }

  /** The restore has failed: their parent, which would reap them, ends as well. */
  [Symbol.dispose](): void {
    for (const shell of this.#born.values()) {
      killShell(shell);
      awaitShell(shell);
    }
    this.#born.clear();
  }

  #parent(): Shell | undefined {
    return this.#tree.shells.values().next().value;
  }

  #bear(parent: Shell, vpid: number): Shell {
    try {
      if (vpid !== 0) return bearStandIn(parent, vpid);
    } catch (error) {
      if (!(error instanceof GodwitError) || error.code !== 'PID_TAKEN') throw error;
    }
    const shell = bearStandIn(parent, 0);
    const why =
      vpid === 0 ? 'its maker is in no PID namespace that the tree sees' : 'that PID is in use here';
    this.#warn(
      `unix sockets (SO_PEERCRED, SCM_CREDENTIALS) show ${shell.vpid}, a process that has ended, in the place of ${vpid}: ${why}`,
    );
    return shell;
  }
}
