// Requests to a keeper over keeper.sock: fields split by tabs, one datagram each way (native/keeper/commands.cc).
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { GodwitError } from '../errors.ts';
import { native } from '../native.ts';
import { errnoName } from './program.ts';

export interface KeeperReply {
  readonly fields: readonly string[];
  /** Descriptor that came with it, or -1. */
  readonly fd: number;
}

export interface KeeperRequest {
  readonly fields: readonly (string | number | bigint)[];
  /** Goes with it. */
  readonly fd?: number;
  /** The same, for several: 128 at most. */
  readonly fds?: readonly number[];
  readonly timeoutMs?: number;
}

/** What made the keeper refuse. */
export interface KeeperCause {
  readonly errno: number;
  /** "EPERM" */
  readonly code: string;
}

const eexist = 17;
const defaultTimeoutMs = 15_000;

export class KeeperSocket implements Disposable {
  readonly #dir: string;
  readonly #socket: number;

  /** @throws GodwitError KEEPER when no keeper listens in `dir`. */
  constructor(dir: string) {
    this.#dir = dir;
    const socket = connect(dir);
    if (socket < 0) throw failure(dir, socket);
    this.#socket = socket;
  }

  /** Waits for the reply; nothing else runs meanwhile. @throws GodwitError KEEPER, PID_TAKEN */
  request(request: KeeperRequest): KeeperReply {
    const { timeoutMs = defaultTimeoutMs } = request;
    const fds = descriptorsOf(request);
    return this.#read(native.seqpacketRequest(this.#socket, encode(request), fds, timeoutMs), request);
  }

  /** A request that is answered with memory, for what is too long for a datagram. @throws GodwitError KEEPER */
  requestBytes(request: KeeperRequest): Uint8Array<ArrayBuffer> {
    const { fd } = this.request(request);
    try {
      const { size } = fstatSync(fd);
      const bytes = new Uint8Array(size);
      readSync(fd, bytes, 0, size, 0);
      return bytes;
    } finally {
      closeSync(fd);
    }
  }

  /** Waits on the thread pool; no other request may be made meanwhile. @throws GodwitError KEEPER */
  async requestSlow(request: KeeperRequest): Promise<KeeperReply> {
    const { timeoutMs = defaultTimeoutMs } = request;
    const fds = descriptorsOf(request);
    const answer = await native.seqpacketRequestAsync(this.#socket, encode(request), fds, timeoutMs);
    return this.#read(answer, request);
  }

  [Symbol.dispose](): void {
    closeSync(this.#socket);
  }

  #read(result: [string, number] | number, { fields: asked }: KeeperRequest): KeeperReply {
    if (typeof result === 'number')
      throw failure(this.#dir, result, ` (asked for: ${asked.slice(0, 2).join(' ')})`);
    const [text, fd] = result;
    const [status, ...fields] = text.split('\t');
    if (status === 'ok') return { fields, fd };
    const [errno = '0', sentence = text] = fields;
    const cause: KeeperCause = { errno: Number(errno), code: errnoName(-Number(errno)) };
    if (cause.errno === eexist)
      throw new GodwitError('PID_TAKEN', `taken on this host: ${sentence}`, { cause });
    throw new GodwitError('KEEPER', `the keeper in ${this.#dir} refuses: ${sentence}`, { cause });
  }
}

/** By way of the folder's descriptor: the address of a unix socket holds 107 bytes only. */
function connect(dir: string): number {
  let folder: number;
  try {
    folder = openSync(dir, 'r');
  } catch (error) {
    return (error as NodeJS.ErrnoException).errno ?? -1;
  }
  try {
    return native.seqpacketConnect(`/proc/self/fd/${folder}/keeper.sock`);
  } finally {
    closeSync(folder);
  }
}

function descriptorsOf({ fd = -1, fds = fd < 0 ? [] : [fd] }: KeeperRequest): Int32Array {
  return Int32Array.from(fds);
}

function encode({ fields }: KeeperRequest): string {
  const texts = fields.map(String);
  for (const text of texts) {
    if (/[\t\n\0]/.test(text))
      throw new GodwitError('UNSUPPORTED', `${JSON.stringify(text)} holds a tab or newline`);
  }
  return texts.join('\t');
}

function failure(dir: string, negative: number, asked = ''): GodwitError {
  const cause: KeeperCause = { errno: -negative, code: errnoName(negative) };
  return new GodwitError('KEEPER', `the keeper in ${dir} does not answer: ${cause.code}${asked}`, {
    hint: 'it may have been killed; the journal beside its socket says how far the migration had come',
    cause,
  });
}
