// Whether this host can have connections that another one forwards: the network for them is made for a moment.
import { asGodwitError } from '../../errors.ts';
import type { Forwarding } from '../../images/forwarding.ts';
import type { Blocker } from '../../images/requirements.ts';
import { blocker } from '../check/blocker.ts';
import { ForwardNetwork } from './forward-network.ts';

export function checkForwarding(image: Forwarding | undefined): Blocker[] {
  if (image === undefined) return [];
  try {
    ForwardNetwork.make(image)[Symbol.dispose]();
    return [];
  } catch (error) {
    const { message, hint } = asGodwitError(error);
    return [blocker('connections that are forwarded', message, hint ?? 'run receive as root')];
  }
}
