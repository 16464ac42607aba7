// struct sockaddr_in and sockaddr_in6 for tests.
import { isIPv4 } from 'node:net';

export function sockaddr(host: string, port: number): Uint8Array<ArrayBuffer> {
  const v4 = /^(?:::ffff:)?(\d+\.\d+\.\d+\.\d+)$/.exec(host)?.[1];
  const bytes = new Uint8Array(isIPv4(host) ? 16 : 28);
  bytes.set([isIPv4(host) ? 2 : 10, 0, port >> 8, port & 255]);
  const dotted = (v4 ?? '').split('.').map(Number);
  if (isIPv4(host)) bytes.set(dotted, 4);
  else if (v4 !== undefined) bytes.set([0xff, 0xff, ...dotted], 18);
  else bytes.set(groupsOf(host), 8);
  return bytes;
}

function groupsOf(host: string): number[] {
  const [head = '', tail] = host.split('::');
  const groups = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => parseInt(group, 16));
  const [first, last] = [groups(head), groups(tail ?? '')];
  const zeros = new Array<number>(8 - first.length - last.length).fill(0);
  return [...first, ...zeros, ...last].flatMap((group) => [group >> 8, group & 255]);
}
