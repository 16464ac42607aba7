// Names of connections that are forwarded, as both agents and `godwit status` write them, and which packets are theirs.
//
//   connectionName   "10.0.0.5:7000 10.0.0.9:40312"     the tree's end, the other end
import type { OpenFile } from '../images/state.ts';
import { endpointKey, hostText } from './socket-address.ts';
import { readSegment, type SeenSegment } from './tcp-segment.ts';

export const connectionName = (local: string, remote: string): string => `${local} ${remote}`;

/** Connections with others whose address is one of `hosts` (as hostText writes them). */
export function forwardedConnections(
  openFiles: readonly OpenFile[],
  hosts: ReadonlySet<string>,
): Set<string> {
  const names = openFiles.flatMap(({ resource }) => {
    if (resource.kind !== 'tcp' || resource.local === undefined) return [];
    const { local, connection } = resource;
    if (connection?.outside === undefined || !hosts.has(hostText(local))) return [];
    return [connectionName(endpointKey(local), endpointKey(connection.remote))];
  });
  return new Set(names);
}

/** To the tree (`there`), or from it: those of the packets that belong to one of these connections. */
export function packetsOf(
  names: Pick<ReadonlySet<string>, 'has'>,
  packets: readonly Uint8Array[],
  there: boolean,
): Uint8Array[] {
  return packets.filter((packet) => {
    const segment = readSegment(packet);
    return segment !== undefined && names.has(nameOf(segment, there));
  });
}

function nameOf({ source, destination }: SeenSegment, there: boolean): string {
  return there ? connectionName(destination, source) : connectionName(source, destination);
}
