// Netlink sockets of the protocols that keep nothing of them but what they tell: routes and links, socket diagnosis, events of devices,
// and generic families without groups, whose numbers each host deals out anew.
import {
  afNetlink,
  isNetlinkBusy,
  netlinkAddress,
  netlinkGeneric,
  netlinkGroups,
} from '../../kernel/netlink.ts';
import type { SocketFacts } from '../../kernel/socket-facts.ts';
import { changedOptions } from '../../kernel/socket-values.ts';
import type { DriverContext, Refusal, SourceDriver } from './driver.ts';
import { refuse } from './refuse.ts';
import type { SeenFile } from './seen-file.ts';

const carried = [0, 4, 15, netlinkGeneric] as const;
const sockDgram = 2;
const sockRaw = 3;

export const netlink: SourceDriver<'netlink'> = {
  matches: (file, thief) => file.link.startsWith('socket:[') && thief.socket(file).domain === afNetlink,
  survey: ({ first }, context) => refusal(first, context),
  dump({ first }, context) {
    const problem = refusal(first, context) ?? (isNetlinkBusy(Number(first.stat.ino)) ? waits : undefined);
    if (problem !== undefined) throw refuse(first, problem);
    const fd = context.thief.fdOf(first);
    const facts = context.thief.socket(first);
    const { port } = netlinkAddress(facts.local);
    const remote = netlinkAddress(facts.remote ?? new Uint8Array());
    return {
      kind: 'netlink',
      type: facts.type === sockDgram ? sockDgram : sockRaw,
      protocol: protocolOf(facts) ?? 0,
      ...(port === 0 ? {} : { port }),
      groups: netlinkGroups(fd),
      ...(remote.port === 0 && remote.groups === 0 ? {} : { remote }),
      options: changedOptions(fd, facts),
    };
  },
};

const waits: Refusal = {
  reason: 'netlink messages wait in it that the kernel of this host has sent',
  remedy: 'try again',
};

function protocolOf({ protocol }: SocketFacts): (typeof carried)[number] | undefined {
  return carried.find((known) => known === protocol);
}

function refusal(file: SeenFile, { thief }: DriverContext): Refusal | undefined {
  const facts = thief.socket(file);
  const remedy = 'let the program close it for the migration, or stop it and start it on the target';
  if (protocolOf(facts) === undefined)
    return {
      reason: `netlink of protocol ${facts.protocol}: the kernel keeps more of it than it tells`,
      remedy,
    };
  if (facts.filtered)
    return { reason: 'it has a socket filter (SO_ATTACH_FILTER)', remedy: 'let the program detach it' };
  if (facts.protocol === netlinkGeneric && netlinkGroups(thief.fdOf(file)).length > 0)
    return { reason: 'it hears groups of generic netlink, which have other numbers on each host', remedy };
  return undefined;
}
