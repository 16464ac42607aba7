// Whether the network of a tree can be made here.
import type { NetworkImage, NetworkLink } from '../../images/network.ts';
import type { Blocker } from '../../images/requirements.ts';
import { readLinks, tryKind, type Link } from '../../kernel/network/links.ts';
import { hasNft } from '../../kernel/network/nftables.ts';
import { inScratchNetwork } from '../../kernel/network-namespace.ts';
import { addressText } from '../../kernel/proc/inet-address.ts';
import { hasCapability } from '../../kernel/rights.ts';
import { hostAddresses } from '../../kernel/rtnetlink.ts';
import { blocker } from '../check/blocker.ts';

/** Preconditions: this agent is in its own network. */
export function checkNetwork(network: NetworkImage | undefined): Blocker[] {
  if (network === undefined) return [];
  if (!hasCapability('sysAdmin') || !hasCapability('netAdmin'))
    return [
      blocker(
        'network of the tree',
        'making one takes CAP_SYS_ADMIN and CAP_NET_ADMIN',
        'run receive as root',
      ),
    ];
  const { links, ruleset } = network;
  const own = readLinks();
  return [
    ...links.flatMap((link) => checkLink(link, own)),
    ...checkKinds(links),
    ...(ruleset === '' || hasNft()
      ? []
      : [blocker('packet filter of its network', 'nft(8) is not here', 'install nftables on this host')]),
  ];
}

function checkLink(link: NetworkLink, own: readonly Link[]): Blocker[] {
  if (link.kind !== 'veth') return [];
  const object = `network interface ${link.name}`;
  const { bridge, addresses } = link.outer;
  if (bridge !== undefined) {
    const found = own.find(({ name }) => name === bridge);
    if (found?.kind === 'bridge') return [];
    const reason =
      found === undefined
        ? `there is no bridge ${bridge} here, on which its other end is to hang`
        : `its other end is to hang on ${bridge}, which is no bridge here`;
    return [blocker(object, reason, `make one, or give another: migrate --link ${link.name}@BRIDGE`)];
  }
  const here = new Set(hostAddresses().map(({ address }) => addressText(address)));
  return addresses.flatMap((entry) => {
    const [, address] =
      entry.attributes.find(([type]) => type === 2) ?? entry.attributes.find(([type]) => type === 1) ?? [];
    const text = address === undefined ? '' : addressText(new Uint8Array(address));
    if (!here.has(text)) return [];
    const reason = `its other end has the address ${text}, and this host has that already`;
    return [
      blocker(object, reason, `take it off, or put the link on a bridge: migrate --link ${link.name}@BRIDGE`),
    ];
  });
}

/** Whether this kernel has them: a module may be missing. */
function checkKinds(links: readonly NetworkLink[]): Blocker[] {
  const kinds = new Set(links.map(({ kind }) => (kind === 'pair' ? 'veth' : kind)));
  return (['veth', 'dummy'] as const)
    .filter((kind) => kinds.has(kind) && !inScratchNetwork(() => tryKind(kind)))
    .map((kind) => {
      const names = links.filter((link) => link.kind === kind).map(({ name }) => name);
      return blocker(
        `network interface ${names.join(', ')}`,
        `this kernel makes no ${kind} interfaces`,
        `modprobe ${kind}`,
      );
    });
}
