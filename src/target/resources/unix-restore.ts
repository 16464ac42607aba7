// Makes the unix sockets of a tree: first those with names, then pairs; when all files are open, what was queued, then what was shut down.
import { isDeepStrictEqual } from 'node:util';
import { GodwitError } from '../../errors.ts';
import type { PeerCredentials } from '../../images/resources/peer-credentials.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, Program } from '../../kernel/program.ts';
import { unixName } from '../../kernel/socket-address.ts';
import { closeLocal, openSocket } from '../../kernel/socket-facts.ts';
import { setOptions } from '../../kernel/socket-values.ts';
import { afUnix, isAboutSenders, sockDgram } from '../../kernel/socket-options.ts';
import type { OpenContext } from './driver.ts';
import { SocketMakers, type MakerContext } from './socket-makers.ts';
import { UnixNames } from './unix-names.ts';
import { acceptPair, addressOf, unixAddress } from './unix-pairs.ts';
import { MessageSender } from './unix-messages.ts';
import { outermostFirst, type UnixFile } from './unix-order.ts';

type UnixContext = Pick<OpenContext, 'undo' | 'closeLater'> & MakerContext;

export class UnixRestore {
  readonly #sockets: readonly UnixFile[];
  readonly #names: UnixNames;
  readonly #makers: SocketMakers;
  readonly #fds = new Map<number, number>();
  readonly #byInode: ReadonlyMap<bigint, UnixFile>;
  /** The halves that are closed at the end: their sockets' peers were closed on the source. */
  readonly #ghosts = new Map<number, number>();

  readonly #context: UnixContext;

  constructor(sockets: readonly UnixFile[], context: UnixContext) {
    this.#sockets = sockets;
    this.#context = context;
    this.#makers = new SocketMakers(context);
    this.#names = new UnixNames(context.undo);
    this.#byInode = new Map(sockets.map((socket) => [socket.image.inode, socket]));
  }

  /** The agent's descriptors by open file, with nothing queued. @throws GodwitError */
  make(): ReadonlyMap<number, number> {
    using _ = this.#makers;
    for (const socket of this.#sockets) if (!this.#isPaired(socket)) this.#makeSingle(socket);
    for (const socket of this.#sockets) if (this.#isPaired(socket)) this.#makePair(socket);
    for (const socket of this.#sockets) this.#connectDatagrams(socket);
    for (const socket of this.#sockets) this.#connectElsewhere(socket);
    for (const { id, image } of this.#sockets)
      setOptions(
        this.#fd(id),
        image.options.filter((option) => !isAboutSenders(option)),
        describe(image),
      );
    for (const ghost of this.#ghosts.values()) this.#context.closeLater(ghost);
    return this.#fds;
  }

  /** `fdOf`: the agent's descriptor of any open file. @throws GodwitError */
  fill(fdOf: (file: number) => number): void {
    using sender = new MessageSender(fdOf, this.#context);
    for (const socket of outermostFirst(this.#sockets)) this.#fillQueue(socket, sender);
    for (const { id, image } of this.#sockets) {
      setOptions(this.#fd(id), image.options.filter(isAboutSenders), describe(image));
      shutDown(this.#fd(id), image.shutdown);
    }
  }

  #fd(id: number): number {
    const fd = this.#fds.get(id);
    if (fd === undefined) throw new GodwitError('INTERNAL', `unix socket ${id} was not made`);
    return fd;
  }

  #peerOf({ image }: UnixFile): UnixFile | undefined {
    return image.peer === undefined || image.peer === 0n ? undefined : this.#byInode.get(image.peer);
  }

  /** One of two that are connected to each other, or one whose other half was closed. */
  #isPaired(socket: UnixFile): boolean {
    if (socket.image.state !== 'connected' || socket.image.elsewhere !== undefined) return false;
    if (socket.image.peer === 0n) return true;
    const peer = this.#peerOf(socket);
    if (peer?.image.peer !== socket.image.inode) return false;
    // Datagram sockets that were connected, each to the other's name, have no peer's credentials.
    return !(isConnectable(socket.image) && isConnectable(peer.image));
  }

  #makeSingle({ id, image }: UnixFile): void {
    const fd = openSocket(afUnix, image.type, 0);
    this.#fds.set(id, fd);
    if (image.name !== undefined) this.#names.bind(fd, image.name, image.file);
    if (image.state === 'listening') this.#makers.listen(fd, image.backlog, image.peerCredentials);
  }

  #makePair(socket: UnixFile): void {
    if (this.#fds.has(socket.id)) return;
    const peer = this.#peerOf(socket);
    const [own, other] = this.#pair(socket.image, peer?.image);
    this.#fds.set(socket.id, own);
    if (peer === undefined || peer.id === socket.id) this.#ghosts.set(socket.id, other);
    else this.#fds.set(peer.id, other);
  }

  /** A socket that was accepted carries its listener's name: it is accepted again. */
  #pair(a: ResourceImage<'unix'>, b: ResourceImage<'unix'> | undefined): [number, number] {
    const isDatagram = a.type === sockDgram;
    if (isDatagram || (a.name === undefined && b?.name === undefined)) {
      const [first, second] = this.#makers.pair(a.type, a.peerCredentials ?? b?.peerCredentials);
      if (a.name !== undefined) this.#names.bind(first, a.name, a.file);
      if (b?.name !== undefined) this.#names.bind(second, b.name, b.file);
      return [first, second];
    }
    const aIsAccepted = a.name !== undefined && (b?.name === undefined || this.#listenerOf(a) !== undefined);
    const accepted = aIsAccepted ? a : (b ?? a);
    const client = aIsAccepted ? b : a;
    const connecting = openSocket(afUnix, a.type, 0);
    if (client?.name !== undefined) this.#names.bind(connecting, client.name, client.file);
    const gained = this.#accept(connecting, accepted, client?.peerCredentials);
    return aIsAccepted ? [gained, connecting] : [connecting, gained];
  }

  /** `listening`: whom the connecting side is to see; nobody asks any more when that side is closed. */
  #accept(
    connecting: number,
    accepted: ResourceImage<'unix'>,
    listening: PeerCredentials | undefined,
  ): number {
    const makers = this.#makers;
    const listener = this.#listenerOf(accepted);
    if (accepted.name === undefined)
      throw new GodwitError('INTERNAL', 'an accepted unix socket without a name');
    if (listener !== undefined) {
      const fd = this.#fd(listener.id);
      const own = listener.image.peerCredentials;
      const other = listening !== undefined && !isDeepStrictEqual(own, listening);
      if (other) makers.listen(fd, listener.image.backlog, listening);
      const gained = acceptPair(makers, connecting, fd, accepted);
      if (other) makers.listen(fd, listener.image.backlog, own);
      return gained;
    }
    // The listener was closed since: one is made for a moment.
    const passing = openSocket(afUnix, accepted.type, 0);
    try {
      return this.#names.borrow(passing, accepted.name, accepted.file, () => {
        if (listening !== undefined) makers.listen(passing, 1, listening);
        return acceptPair(makers, connecting, passing, accepted);
      });
    } finally {
      closeLocal(passing);
    }
  }

  #listenerOf(accepted: ResourceImage<'unix'>): UnixFile | undefined {
    return this.#sockets.find(
      ({ image }) =>
        image.state === 'listening' &&
        image.type === accepted.type &&
        image.file?.present !== false &&
        sameName(image.name, accepted.name),
    );
  }

  /** Datagram sockets may be connected one way: to a name. */
  #connectDatagrams(socket: UnixFile): void {
    const peer = this.#peerOf(socket);
    if (peer === undefined || this.#isPaired(socket) || socket.image.state !== 'connected') return;
    const name = peer.image.name;
    if (name === undefined) {
      throw new GodwitError(
        'UNSUPPORTED',
        `${describe(socket.image)} is connected to a datagram socket without a name`,
      );
    }
    const result = this.#makers.connect(this.#fd(socket.id), addressOf(peer.image), undefined);
    if (result < 0) {
      throw new GodwitError('SYSCALL', `${describe(socket.image)} cannot be connected: ${errnoName(result)}`);
    }
  }

  /** To somebody else's socket on this host, in the name of the program. */
  #connectElsewhere({ id, image }: UnixFile): void {
    if (image.elsewhere === undefined) return;
    const result = this.#makers.connect(this.#fd(id), unixAddress(image.elsewhere.name), image.elsewhere.as);
    if (result >= 0) return;
    throw new GodwitError(
      'REFUSED',
      `${describe(image)} cannot be connected to ${unixName(image.elsewhere.name)}: ${errnoName(result)}`,
      { hint: 'start the service on the target, or name another socket' },
    );
  }

  #fillQueue(socket: UnixFile, messages: MessageSender): void {
    const { id, image } = socket;
    if (image.queue.length === 0) return;
    const peer = this.#peerOf(socket);
    const sender = this.#ghosts.get(id) ?? (peer?.image.peer === image.inode ? this.#fd(peer.id) : undefined);
    if (sender !== undefined) {
      messages.send(sender, image, describe(image));
      return;
    }
    const passing = openSocket(afUnix, image.type, 0);
    try {
      const result =
        image.name === undefined ? -107 : this.#makers.connect(passing, addressOf(image), undefined);
      if (result < 0) {
        throw new GodwitError(
          'UNSUPPORTED',
          `${describe(image)}: its messages cannot be delivered again (${errnoName(result)})`,
        );
      }
      messages.send(passing, image, describe(image));
    } finally {
      closeLocal(passing);
    }
  }
}

/** Nobody was noted down for it, and its name leads to it. */
function isConnectable({ type, name, file, peerCredentials }: ResourceImage<'unix'>): boolean {
  return type === sockDgram && peerCredentials === undefined && name !== undefined && file?.present !== false;
}

function sameName(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;
}

/** SHUT_RD 0, SHUT_WR 1, SHUT_RDWR 2 from the bits 1 and 2. */
function shutDown(fd: number, bits: number): void {
  if (bits === 0) return;
  const program = new Program();
  program.attempt('shutdown', fd, bits - 1);
  runLocal(program);
}

function describe({ inode, name }: ResourceImage<'unix'>): string {
  return `unix socket ${name === undefined ? `[${inode}]` : unixName(name)}`;
}
