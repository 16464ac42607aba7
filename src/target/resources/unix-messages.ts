// Messages that waited in a unix socket, with what comes beside their bytes: descriptors of the agent's, and the names of their senders.
// Whom the kernel takes down is told in so many words (SCM_CREDENTIALS): nobody asks for senders yet (SO_PASSCRED comes later).
import type { Ancillary } from '../../images/resources/unix-ancillary.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { encodeControl, type SenderCredentials } from '../../kernel/control-messages.ts';
import type { OpenContext } from './driver.ts';
import { sendQueue, type Message } from './unix-queue.ts';

const nothing = new Uint8Array();

export class MessageSender {
  readonly #fdOf: (file: number) => number;
  readonly #context: Pick<OpenContext, 'actor'>;

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
      return { data, control: own === undefined ? nothing : this.#control(own) };
    });
    sendQueue(sender, type, messages, object);
  }

  #control({ files, credentials }: Ancillary): Uint8Array {
    return encodeControl({
      rights: files.map((file) => this.#fdOf(file)),
      ...(credentials === undefined ? {} : { credentials: this.#senderOf(credentials) }),
    });
  }

  /** Only a living PID can be named: somebody stands in for who has ended, as long as it takes. */
  #senderOf({ pid, uid, gid }: SenderCredentials): SenderCredentials {
    return { pid: this.#context.actor(pid)?.pid ?? process.pid, uid, gid };
  }
}
