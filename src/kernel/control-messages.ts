// Ancillary data of unix sockets (unix(7), cmsg(3)): what recvmsg(2) wrote, read, and what sendmsg(2) wants, written.
// struct cmsghdr: the length with this header (64 bits), level, type; each begins at a multiple of eight bytes.
import { solSocket } from './socket-options.ts';

const scmRights = 1;
const scmCredentials = 2;
const scmSecurity = 3;
const scmPidfd = 4; // Linux 6.5
const headerLength = 16;
/** Descriptors of one message: SCM_MAX_FD. */
export const maxRights = 253;
/** Room for all that a message can bring: descriptors, credentials, a pidfd, a time, a security label of a page. */
export const controlRoom = 8192;

/** Room for SCM_CREDENTIALS and nothing else: descriptors that come with it stay where they are. */
export const credentialsRoom = 32;

/** SCM_CREDENTIALS: whom the kernel names, or is to name, as the sender. */
export interface SenderCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

export interface ControlData {
  /** SCM_RIGHTS, in order; they belong to whoever has received them. */
  readonly rights: readonly number[];
  readonly credentials?: SenderCredentials;
  /** SCM_PIDFD: a descriptor, or a negative errno. */
  readonly pidfd?: number;
  /** SCM_SECURITY: the sender's label. */
  readonly label?: string;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Reads what stands in `control`; what it does not know is left out. */
export function parseControl(control: Uint8Array): ControlData {
  const view = new DataView(control.buffer, control.byteOffset, control.length);
  const rights: number[] = [];
  const found: Mutable<ControlData> = { rights };
  for (const { level, type, start, size } of controlMessages(control)) {
    if (level === solSocket && type === scmRights)
      for (let i = 0; i + 4 <= size; i += 4) rights.push(view.getInt32(start + i, true));
    if (level === solSocket && type === scmCredentials && size >= 12)
      found.credentials = {
        pid: view.getInt32(start, true),
        uid: view.getUint32(start + 4, true),
        gid: view.getUint32(start + 8, true),
      };
    if (level === solSocket && type === scmPidfd && size >= 4) found.pidfd = view.getInt32(start, true);
    if (level === solSocket && type === scmSecurity)
      found.label = Buffer.from(control.subarray(start, start + size)).toString('utf8');
  }
  return found;
}

interface ControlMessage {
  readonly level: number;
  readonly type: number;
  /** Where its value is in the buffer, and how long. */
  readonly start: number;
  readonly size: number;
}

/** The whole ones. */
export function* controlMessages(control: Uint8Array): Generator<ControlMessage> {
  const view = new DataView(control.buffer, control.byteOffset, control.length);
  for (let at = 0; at + headerLength <= control.length;) {
    const length = Number(view.getBigUint64(at, true));
    if (length < headerLength || at + length > control.length) return;
    const [level, type] = [view.getInt32(at + 8, true), view.getInt32(at + 12, true)];
    yield { level, type, start: at + headerLength, size: length - headerLength };
    at += aligned(length);
  }
}

/** Nothing to send: empty. */
export function encodeControl({
  rights,
  credentials,
}: Pick<ControlData, 'rights' | 'credentials'>): Uint8Array<ArrayBuffer> {
  const parts: { readonly type: number; readonly words: readonly number[] }[] = [];
  if (credentials !== undefined)
    parts.push({ type: scmCredentials, words: [credentials.pid, credentials.uid, credentials.gid] });
  if (rights.length > 0) parts.push({ type: scmRights, words: rights });
  const control = new Uint8Array(
    parts.reduce((sum, { words }) => sum + aligned(headerLength + 4 * words.length), 0),
  );
  const view = new DataView(control.buffer);
  let at = 0;
  for (const { type, words } of parts) {
    const length = headerLength + 4 * words.length;
    view.setBigUint64(at, BigInt(length), true);
    view.setInt32(at + 8, solSocket, true);
    view.setInt32(at + 12, type, true);
    for (const [index, word] of words.entries()) view.setUint32(at + headerLength + 4 * index, word, true);
    at += aligned(length);
  }
  return control;
}

function aligned(length: number): number {
  return (length + 7) & ~7;
}
