// Segments of our own making that tell a connection what its other end has told it already, on the host where it was.
//
//   receive queue    | unread           | U and what follows |      U: the urgent byte
//                      by TCP_REPAIR      by segments with URG, FIN behind it
import { readFileSync } from 'node:fs';
import type { TcpConnectionImage } from '../../images/resources/tcp.ts';
import { sequence } from '../../kernel/tcp-repair.ts';
import { makeSegment, tcpAck, tcpFin, tcpUrg } from '../../kernel/tcp-segment.ts';

/** A packet of IP has 65,535 bytes at most. */
const mostBytes = 60_000;
const widest = 0xffff;

/** Its end of the stream, that ours has come: what the other end has told besides. */
export interface HeardBesides {
  readonly ended: boolean;
  readonly finAcknowledged: boolean;
}

/** At least one. */
export function heardSegments(
  { local, connection }: { readonly local: Uint8Array; readonly connection: TcpConnectionImage },
  { ended, finAcknowledged }: HeardBesides,
): Uint8Array[] {
  const { remote, receiveFirst, unread, urgent = new Uint8Array(), sendNext, window, terms } = connection;
  const segments: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < urgent.length; at += mostBytes) {
    const data = urgent.subarray(at, at + mostBytes);
    const isUrgent = at === 0 && data.length > 0;
    const isLast = at + data.length === urgent.length;
    segments.push(
      makeSegment({
        from: remote,
        to: local,
        sequence: sequence(receiveFirst + unread.length + at),
        acknowledged: sequence(sendNext + Number(finAcknowledged)),
        flags: tcpAck | (isUrgent ? tcpUrg : 0) | (ended && isLast ? tcpFin : 0),
        window: Math.min(widest, window.send >>> (terms.scales?.send ?? 0)),
        urgentPointer: isUrgent ? pointerToFirst() : 0,
        data,
      }),
    );
  }
  return segments;
}

/** Urgent pointers mean the byte before the one that they point to, or that one (RFC 1122), as this host is set (tcp(7), tcp_stdurg). */
function pointerToFirst(): number {
  try {
    return readFileSync('/proc/sys/net/ipv4/tcp_stdurg', 'latin1').trim() === '1' ? 0 : 1;
  } catch {
    return 1;
  }
}
