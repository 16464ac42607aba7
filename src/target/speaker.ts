// Tells the keeper what the tree's sockets have to say when it runs, which addresses this host gets then, and what came for them.
import { GodwitError } from '../errors.ts';
import type { MovedAddress } from '../images/addresses.ts';
import type { Keeper } from '../kernel/keeper.ts';
import { joinSegments, readSegment, splitSegments } from '../kernel/tcp-segment.ts';
import type { Arrival } from './forwarding/arrival.ts';
import type { TreeNetwork } from './network/tree-network.ts';
import { readDatagram } from '../kernel/udp-packet.ts';
import { arrivalMessage, checkAddresses, hostsOf } from './moved-addresses.ts';
import type { Speaker } from './resources/driver.ts';

/** Those of the segments that are for one of the tree's addresses (`own`: as hostText writes them): a source could send anything to anybody else in this host's name. */
export function segmentsHere(segments: Uint8Array, own: ReadonlySet<string>): Uint8Array {
  const isHere = (packet: Uint8Array): boolean => {
    const { destination = '' } = readSegment(packet) ?? readDatagram(packet) ?? {};
    return own.has(destination.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1'));
  };
  return joinSegments(splitSegments(segments).filter(isHere));
}

/** @throws GodwitError REFUSED: an address cannot come here, whatever the check has seen */
export function speakerFor(
  network: Keeper['network'],
  addresses: readonly MovedAddress[],
  own: TreeNetwork | undefined,
  forwarding: Pick<Arrival, 'network' | 'hold'> | undefined,
): Speaker {
  own?.sayTo(network);
  const [obstacle] = checkAddresses(addresses);
  if (obstacle !== undefined)
    throw new GodwitError('REFUSED', `${obstacle.object}: ${obstacle.reason}`, { hint: obstacle.remedy });
  for (const moved of addresses) network.sayAddress(arrivalMessage(moved));
  return {
    moving: own?.hosts ?? hostsOf(addresses),
    forwarded: forwarding?.network,
    connections: (connections) => {
      network.sayConnections(connections);
    },
    segments: (packets) => {
      const here = forwarding?.hold(packets) ?? packets;
      if (here.length > 0) network.saySegments(joinSegments(here));
    },
  };
}

/** For a tree that has nothing to say to anybody. */
export const silentSpeaker: Speaker = {
  moving: new Set(),
  forwarded: undefined,
  connections: () => undefined,
  segments: () => undefined,
};
