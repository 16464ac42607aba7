// Messages that waited in a unix socket, with what comes beside their bytes: descriptors of the agent's, and the names of their senders.
// Whom the kernel takes down is told in so many words (SCM_CREDENTIALS): nobody asks for senders yet (SO_PASSCRED comes later).
import { closeSync, openSync } from 'node:fs';
import type { Ancillary } from '../../images/resources/unix-ancillary.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { encodeControl } from '../../kernel/control-messages.ts';
import { isInside } from '../../kernel/rights.ts';
import type { OpenContext } from './driver.ts';
import { sendQueue, type Message } from './unix-queue.ts';

const nothing = new Uint8Array();

export class MessageSender implements Disposable {
  readonly #fdOf: (file: number) => number;
  readonly #context: Pick<OpenContext, 'actor'>;
  /** The tree's PID namespace, where the agent may not speak for others in its own. */
  #namespace: number | undefined;

  /** `fdOf`: the agent's descriptor of an open file. */
  constructor(fdOf: (file: number) => number, context: Pick<OpenContext, 'actor'>) {
    this.#fdOf = fdOf;
    this.#context = context;
  }

  /** Preconditions: `sender` is connected to the socket. @throws GodwitError LIMIT, NO_RIGHTS, PROTOCOL */
  send(
    sender: number,
    { type, queue, ancillary }: Pick<ResourceImage<'unix'>, 'type' | 'queue' | 'ancillary'>,
    object: string,
  ): void {
    const beside = new Map(ancillary.map((one) => [one.message, one]));
    const messages = queue.map((data, index): Message => {
      const own = beside.get(index);
      return own === undefined ? { data, control: nothing } : { data, ...this.#beside(own) };
    });
    sendQueue(sender, type, messages, object);
  }

  [Symbol.dispose](): void {
    if (this.#namespace !== undefined) closeSync(this.#namespace);
    this.#namespace = undefined;
  }

  #beside({ files, credentials }: Ancillary): Omit<Message, 'data'> {
    const rights = files.map((file) => this.#fdOf(file));
    if (credentials === undefined) return { control: encodeControl({ rights }) };
    const { pid, uid, gid } = credentials;
    // Only a living PID can be named: somebody stands in for who has ended, as long as it takes.
    const actor = this.#context.actor(pid);
    if (actor === undefined || !isInside())
      return {
        control: encodeControl({ rights, credentials: { pid: actor?.pid ?? process.pid, uid, gid } }),
      };
    // CAP_SYS_ADMIN of a user namespace is worth nothing over the host's PID namespace.
    this.#namespace ??= openSync(`/proc/${actor.pid}/ns/pid`, 'r');
    const control = encodeControl({ rights, credentials: { pid: actor.vpid, uid, gid } });
    return { control, pidNamespace: this.#namespace };
  }
}
