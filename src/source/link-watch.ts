// A link that breaks while the tree runs, as the operator sees it; and the page connection, which does not notice by itself.
import type { GodwitError } from '../errors.ts';
import type { ControlConnection } from '../transport/control-connection.ts';
import type { PageSender } from '../transport/page-sender.ts';
import type { Observer } from './report.ts';

interface Link {
  readonly control: Pick<ControlConnection<'source'>, 'forbidResuming'>;
  readonly pages: Pick<PageSender, 'cut' | 'forbidResuming'>;
}

export class LinkWatch {
  readonly #observer: Observer;
  readonly #reconnectForMs: number;
  #link: Link | undefined;
  #brokenAt = 0;
  #reconnects = 0;

  constructor(observer: Observer, reconnectForMs: number) {
    this.#observer = observer;
    this.#reconnectForMs = reconnectForMs;
  }

  /** How often it came back. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** For the control connection. */
  get options(): {
    readonly reconnectForMs: number;
    readonly onBroken: (reason: GodwitError) => void;
    readonly onWhole: () => void;
  } {
    return {
      reconnectForMs: this.#reconnectForMs,
      onBroken: ({ message }) => {
        this.#brokenAt = performance.now();
        const seconds = this.#reconnectForMs / 1000;
        this.#warn(`${message}: connecting again, for up to ${seconds} s; the tree runs on here`);
        this.#link?.pages.cut();
      },
      onWhole: () => {
        this.#reconnects++;
        const seconds = (performance.now() - this.#brokenAt) / 1000;
        this.#warn(`connected again after ${seconds.toFixed(1)} s; copying goes on`);
      },
    };
  }

  /** Both connections stand. */
  watch(link: Link): void {
    this.#link = link;
  }

  /** The tree is about to be frozen: nothing waits for a link any more. @throws GodwitError it is broken at this moment */
  mustHold(): void {
    this.#link?.control.forbidResuming();
    this.#link?.pages.forbidResuming();
  }

  #warn(text: string): void {
    this.#observer({ kind: 'warning', text });
  }
}
