// What else a network namespace may have, and no image has a place for; of the namespace of this thread.
import { GodwitError } from '../../errors.ts';
import { attributes, dump } from '../netlink-messages.ts';

const rtmGetqdisc = 38;
/** struct tcmsg: family, interface, handle, parent, info. */
const tcHeader = 20;
const tcaKind = 1;
const netlinkXfrm = 6;
const xfrmGetSa = 0x12;
const xfrmGetPolicy = 0x15;
/** struct xfrm_userpolicy_id, the longer of the two. */
const xfrmHeader = 64;

/** Queueing disciplines that somebody has set: those that the kernel gives an interface by itself have no handle. */
export function schedulers(): { readonly interfaceIndex: number; readonly kind: string }[] {
  return dump(rtmGetqdisc, new Uint8Array(tcHeader)).flatMap((message) => {
    const view = new DataView(message.buffer);
    if (view.getUint32(8, true) === 0) return [];
    const kind = Buffer.from(attributes(message, tcHeader).get(tcaKind) ?? [])
      .toString('utf8')
      .replace(/\0.*$/s, '');
    return [{ interfaceIndex: view.getInt32(4, true), kind }];
  });
}

/** Associations and policies of IPsec. */
export function transformations(): number {
  const count = (type: number): number => {
    try {
      return dump(type, new Uint8Array(xfrmHeader), netlinkXfrm).length;
    } catch (error) {
      if (error instanceof GodwitError) return 0; // this kernel has no IPsec
      throw error;
    }
  };
  return count(xfrmGetSa) + count(xfrmGetPolicy);
}
