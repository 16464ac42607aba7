// Segments of our own making that tell a connection what its other end has told it already, on the host where it was.
//
//   receive queue    | unread           | U and what follows |      U: the urgent byte
//                      by TCP_REPAIR      by segments with URG, FIN behind it
import { readFileSync } from 'node:fs';
import { sequence } from '../../kernel/tcp-repair.ts';
import { makeSegment, tcpAck, tcpFin, tcpUrg, type ShortSegment } from '../../kernel/tcp-segment.ts';

/** A packet of IP has 65,535 bytes at most. */
const mostBytes = 60_000;

export interface Heard extends Pick<ShortSegment, 'from' | 'to' | 'sequence' | 'acknowledged' | 'window'> {
  /** Begins with the urgent byte. */
  readonly urgent: Uint8Array | undefined;
  readonly ended: boolean;
}

export function heardSegments({ urgent = new Uint8Array(), ended, ...ends }: Heard): Uint8Array[] {
  const segments: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < urgent.length; at += mostBytes) {
    const data = urgent.subarray(at, at + mostBytes);
    const isUrgent = at === 0 && data.length > 0;
    const isLast = at + data.length === urgent.length;
    segments.push(
      makeSegment({
        ...ends,
        sequence: sequence(ends.sequence + at),
        flags: tcpAck | (isUrgent ? tcpUrg : 0) | (ended && isLast ? tcpFin : 0),
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
