// Datagrams that wait in a UDP socket, looked at where they are: MSG_PEEK walks through them by SO_PEEK_OFF (Linux 4.12 for UDP), and
// IP_PKTINFO tells whom each was sent to, from its own IP header, however long ago it came. Both belong to the socket and are put back.
import type { ResourceImage } from '../../images/resources/registry.ts';
import { controlMessages } from '../../kernel/control-messages.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { errnoName, isError, Program } from '../../kernel/program.ts';
import { afInet, solIp, solIpv6 } from '../../kernel/socket-options.ts';
import { ask } from '../../kernel/socket-questions.ts';
import { native } from '../../native.ts';
import { setPeekOff, waitingFacts } from './unix-look.ts';

type Datagram = ResourceImage<'udp'>['queue'][number];

const msgPeek = 2;
const msgTrunc = 0x20;
const msgDontwait = 0x40;
const ipPktinfo = 8;
const ipv6RecvPktinfo = 49;
const ipv6Pktinfo = 50;
const solUdp = 17;
const udpGro = 104;
const largest = 65_535;

/** Preconditions: nobody reads the socket meanwhile. What an ICMP message had reported (SO_ERROR) is gone afterwards. */
export function readDatagrams(fd: number, family: number): Datagram[] {
  const { peekOff } = waitingFacts(fd);
  const [level, option] = family === afInet ? [solIp, ipPktinfo] : [solIpv6, ipv6RecvPktinfo];
  const was = setOption(fd, level, option, undefined);
  const looker = new DatagramLooker(fd);
  const found: Datagram[] = [];
  try {
    let total = 0;
    // The first one without an offset, as for unix sockets: walkMessages in unix-queue.ts.
    for (let from = -1; ; from = total) {
      setPeekOff(fd, from);
      const seen = looker.look();
      if (seen === undefined) return found;
      found.push(...seen.datagrams);
      total += seen.length;
    }
  } finally {
    setPeekOff(fd, peekOff);
    setOption(fd, level, option, was);
  }
}

/** Of 4 bytes; sets it to 1 when no value is given. Returns what it was. */
function setOption(
  fd: number,
  level: number,
  option: number,
  value: Uint8Array<ArrayBuffer> | undefined,
): Uint8Array<ArrayBuffer> {
  const program = new Program();
  const was = ask(program, fd, level, option, 4).value;
  const wanted = value ?? new Uint8Array(Uint32Array.of(1).buffer);
  program.attempt('setsockopt', fd, level, option, program.bytes(wanted), 4);
  return runLocal(program).bytes(was).slice();
}

class DatagramLooker {
  readonly #fd: number;
  readonly #room = new Uint8Array(largest);
  readonly #name = new Uint8Array(128);
  readonly #control = new Uint8Array(1024);
  readonly #facts = new Int32Array(3);

  constructor(fd: number) {
    this.#fd = fd;
  }

  look(): { length: number; datagrams: Datagram[] } | undefined {
    for (let tries = 0; tries < 3; tries++) {
      const flags = msgPeek | msgTrunc | msgDontwait;
      const length = native.receiveMessage(
        this.#fd,
        flags,
        this.#room,
        this.#name,
        this.#control,
        this.#facts,
      );
      if (length >= 0) return { length, datagrams: this.#datagrams(length) };
      if (errnoName(length) === 'EAGAIN') return undefined; // anything else is an error that waited, once
    }
    return undefined;
  }

  /** Those that the kernel has put together (UDP_GRO) are taken apart. */
  #datagrams(length: number): Datagram[] {
    const [nameLength = 0, controlLength = 0] = this.#facts;
    const { to, segment } = readControl(this.#control.subarray(0, controlLength));
    const from = this.#name.slice(0, nameLength);
    const data = this.#room.slice(0, length);
    const step = segment > 0 ? segment : Math.max(1, length);
    const starts = Array.from({ length: Math.max(1, Math.ceil(length / step)) }, (_, index) => index * step);
    return to === undefined ? [] : starts.map((at) => ({ from, to, data: data.slice(at, at + step) }));
  }
}

/** The address that it was sent to, 4 or 16 bytes; the length of each, of several that are one. */
function readControl(control: Uint8Array): { to: Uint8Array<ArrayBuffer> | undefined; segment: number } {
  const view = new DataView(control.buffer, control.byteOffset, control.length);
  let to: Uint8Array<ArrayBuffer> | undefined;
  let segment = 0;
  for (const { level, type, start, size } of controlMessages(control)) {
    // struct in_pktinfo: index, local address, the destination in the header. struct in6_pktinfo: the destination, index.
    if (level === solIp && type === ipPktinfo) to = control.slice(start + 8, start + 12);
    if (level === solIpv6 && type === ipv6Pktinfo) to = control.slice(start, start + 16);
    if (level === solUdp && type === udpGro && size >= 4) segment = view.getInt32(start, true);
  }
  return { to, segment };
}

const siocoutq = 0x5411;

/** Bytes that were written and have not left: held back (UDP_CORK, MSG_MORE), or on their way to the wire. */
export function unsentBytes(fd: number): number {
  const program = new Program();
  const queued = program.room(4);
  const result = program.attempt('ioctl', fd, siocoutq, queued);
  const outcome = runLocal(program);
  return isError(outcome.result(result)) ? 0 : outcome.view(queued).getUint32(0, true);
}
