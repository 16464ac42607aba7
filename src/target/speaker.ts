// Tells the keeper what the tree's sockets have to say when it runs, and which addresses this host gets then.
import type { MovedAddress } from '../images/addresses.ts';
import type { Keeper } from '../kernel/keeper.ts';
import { joinSegments } from '../kernel/tcp-segment.ts';
import { arrivalMessage } from './moved-addresses.ts';
import type { Speaker } from './resources/tcp-later.ts';

/** @throws GodwitError REFUSED: there is no interface for an address any more */
export function speakerFor(network: Keeper['network'], addresses: readonly MovedAddress[]): Speaker {
  for (const moved of addresses) network.sayAddress(arrivalMessage(moved));
  return {
    moving: new Set(addresses.map(({ text }) => text)),
    connection: (fd, ending) => {
      network.sayConnection(fd, ending);
    },
    segments: (packets) => {
      network.saySegments(joinSegments(packets));
    },
  };
}
