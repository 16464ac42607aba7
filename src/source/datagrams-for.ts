// UDP datagrams that came for the tree while it stood: those that no socket in the image has in its queue.
import type { OpenFile } from '../images/state.ts';
import { addressPort, endpointKey, isAnyAddress } from '../kernel/socket-address.ts';
import { readDatagram } from '../kernel/udp-packet.ts';

/** From one sender to one port: they come to one socket, in this order. */
interface Flow {
  /** Data of those that wait in the socket's queue. */
  readonly queued: string[];
  readonly captured: { readonly data: string; readonly packet: Uint8Array }[];
}

const flowOf = (source: string, port: number | string): string => `${source} ${port}`;
const textOf = (data: Uint8Array): string =>
  Buffer.from(data.buffer, data.byteOffset, data.length).toString('latin1');

/**
 * Those of the packets that are for UDP sockets in the image. `overlaps`: the first of them came before the queues were read, so that those
 * have them too: what a queue ends with and a flow begins with is the same.
 */
export function datagramsFor(
  openFiles: readonly OpenFile[],
  packets: readonly Uint8Array[],
  overlaps: boolean,
): Uint8Array[] {
  const bound = new Set<string>();
  const flows = new Map<string, Flow>();
  const flowFor = (key: string): Flow => {
    const flow = flows.get(key) ?? { queued: [], captured: [] };
    flows.set(key, flow);
    return flow;
  };
  for (const { resource } of openFiles) {
    if (resource.kind !== 'udp' || resource.protocol !== 17 || resource.local === undefined) continue;
    const { local, queue } = resource;
    const port = addressPort(local);
    bound.add(isAnyAddress(local) ? `*:${port}` : endpointKey(local));
    for (const { from, data } of queue) flowFor(flowOf(endpointKey(from), port)).queued.push(textOf(data));
  }
  if (bound.size === 0) return [];
  for (const packet of packets) {
    const seen = readDatagram(packet);
    const port = seen?.destination.slice(seen.destination.lastIndexOf(':') + 1) ?? '';
    if (seen === undefined || !(bound.has(seen.destination) || bound.has(`*:${port}`))) continue;
    flowFor(flowOf(seen.source, port)).captured.push({ data: textOf(seen.data), packet });
  }
  const fresh = new Set(
    [...flows.values()].flatMap(({ queued, captured }) =>
      captured.slice(overlaps ? overlapOf(queued, captured) : 0),
    ),
  );
  const wanted = new Set([...fresh].map(({ packet }) => packet));
  return packets.filter((packet) => wanted.has(packet));
}

/** How many of the first captured ones are the last in the queue. */
function overlapOf(queued: Flow['queued'], captured: Flow['captured']): number {
  for (let length = Math.min(queued.length, captured.length); length > 0; length--) {
    const last = queued.slice(-length);
    if (last.every((data, i) => captured[i]?.data === data)) return length;
  }
  return 0;
}
