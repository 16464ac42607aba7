// Makes the network namespace of this thread what an image says. What is like that already is left alone, so that it can be done again
// when something has changed.
import { isDeepStrictEqual } from 'node:util';
import { GodwitError } from '../../errors.ts';
import type { NetworkEntry, NetworkImage, NetworkLink } from '../../images/network.ts';
import {
  addressKind,
  atOnce,
  messageOf,
  missingIn,
  neighbourKind,
  readEntries,
  routeKind,
  ruleKind,
  type EntryKind,
} from '../../kernel/network/entries.ts';
import { writeRuleset } from '../../kernel/network/nftables.ts';
import { isSysctlName, writeSysctl } from '../../kernel/network/sysctls.ts';
import { order, orderFlags } from '../../kernel/netlink-messages.ts';
import { errnoName } from '../../kernel/program.ts';
import { makeLinks, raiseLinks, type Home } from './make-links.ts';

/**
 * `before`: the image that it was made by last. Returns settings below /proc/sys/net that it could not be given.
 * @throws GodwitError REFUSED, UNSUPPORTED, SYSCALL
 */
export function makeNetwork(image: NetworkImage, before: NetworkImage | undefined, home: Home): string[] {
  const isNew = (part: keyof NetworkImage): boolean => !isDeepStrictEqual(image[part], before?.[part]);
  const hasNewLinks = isNew('links');
  if (hasNewLinks) makeLinks(image.links, home);
  const hasNewSettings = hasNewLinks || isNew('sysctls');
  // Some are about what an interface does when it comes up.
  if (hasNewSettings) setAll(image.sysctls);
  const [loopback, others] = [
    image.links.filter(isLoopback),
    image.links.filter((link) => !isLoopback(link)),
  ];
  // The loopback interface gets its addresses with that.
  if (hasNewLinks) raiseLinks(loopback, home);
  if (hasNewLinks || isNew('addresses')) followAddresses(image.addresses);
  if (hasNewLinks) raiseLinks(others, home);
  if (hasNewLinks || isNew('routes')) follow(routeKind, image.routes, orderFlags.append);
  if (hasNewLinks || isNew('rules')) follow(ruleKind, image.rules, orderFlags.exclusive);
  if (hasNewLinks || isNew('neighbours')) follow(neighbourKind, image.neighbours, orderFlags.replace);
  if (isNew('ruleset')) writeRuleset(image.ruleset);
  return hasNewSettings ? setAll(image.sysctls) : [];
}

function setAll(sysctls: NetworkImage['sysctls']): string[] {
  return sysctls
    .filter(([name, value]) => !isSysctlName(name) || !writeSysctl(name, value))
    .map(([name]) => name);
}

const isLoopback = ({ kind }: NetworkLink): boolean => kind === 'loopback';

function followAddresses(wanted: readonly NetworkEntry[]): void {
  const missing = missingIn(wanted, readEntries(addressKind));
  follow(addressKind, wanted, orderFlags.exclusive, atOnce);
  // Once they are there they are as they were: others may look at that flag.
  for (const entry of missing) order(addressKind.add, messageOf(addressKind, entry), orderFlags.replace);
}

/** Removes what is too much, and adds what is missing; what needs another that is still to come is tried again. */
function follow(
  kind: EntryKind,
  wanted: readonly NetworkEntry[],
  how: number,
  adding: (entry: NetworkEntry) => NetworkEntry = (entry) => entry,
): void {
  const has = readEntries(kind);
  for (const surplus of missingIn(has, wanted)) order(kind.remove, messageOf(kind, surplus));
  let missing = missingIn(wanted, has);
  for (;;) {
    const failed = missing.flatMap((entry) => {
      const errno = order(kind.add, messageOf(kind, adding(entry)), orderFlags.create | how);
      return errno === 0 || errnoName(errno) === 'EEXIST' ? [] : [{ entry, errno }];
    });
    if (failed.length === missing.length && failed.length > 0)
      throw refused(kind, failed[0]?.errno ?? 0, failed.length);
    if (failed.length === 0) return;
    missing = failed.map(({ entry }) => entry);
  }
}

const names = new Map([
  [addressKind, 'address'],
  [routeKind, 'route'],
  [ruleKind, 'rule'],
  [neighbourKind, 'neighbour'],
]);

function refused(kind: EntryKind, errno: number, count: number): GodwitError {
  const what = names.get(kind) ?? 'entry';
  return new GodwitError(
    'REFUSED',
    `the network of the tree cannot be made here: ${count === 1 ? `a ${what}` : `${count} ${what}s`}: ${errnoName(errno)}`,
  );
}
