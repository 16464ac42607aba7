// What the target must have for the open files of a tree: found while it runs.
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Requirements } from '../images/requirements.ts';
import { MembershipReader } from '../kernel/memberships.ts';
import { addressText, hostText, isLoopback } from '../kernel/socket-address.ts';
import { unixSockets } from '../kernel/sockets.ts';
import type { FileIdentities } from './file-identities.ts';
import { once } from './once.ts';
import { prepareOpenFiles } from './open-files.ts';
import type { OpenFileOptions } from './resources/driver.ts';
import { accessOf, externalOf, isInherited } from './resources/external.ts';
import { fanotify, fanotifyRequirement } from './resources/fanotify.ts';
import { InFlight } from './resources/in-flight.ts';
import { inotify, watchedPaths } from './resources/inotify.ts';
import { link } from './resources/link.ts';
import { queueRequirement } from './resources/mqueue-facts.ts';
import { isRaw } from './resources/raw.ts';
import type { ProcessRef } from './resources/seen-file.ts';
import { connectionAddress, listeningAddress } from './resources/tcp.ts';
import { terminalPairs } from './resources/terminal-pairs.ts';
import { Thief } from './resources/thief.ts';
import { TreeFiles } from './resources/tree-files.ts';
import { namedInterfaces } from './resources/udp.ts';
import { unlessGone } from './resources/unless-gone.ts';

/** What the target must have for the open files. `identities`: an empty list. */
export function openFileRequirements(
  processes: readonly ProcessRef[],
  options: OpenFileOptions,
  identities: FileIdentities,
): Pick<
  Requirements,
  | 'files'
  | 'directories'
  | 'ports'
  | 'connections'
  | 'rawSockets'
  | 'interfaces'
  | 'terminals'
  | 'messageQueues'
  | 'fanotify'
  | 'elsewhere'
  | 'inherited'
> {
  using thief = new Thief();
  using inFlight = new InFlight('running');
  const tree = TreeFiles.read(processes, inFlight);
  const said = { options, unix: once(unixSockets) };
  const { files } = prepareOpenFiles(processes, identities, options);
  const directories = new Set<string>();
  const ports: Requirements['ports'] = [];
  const interfaces = new Set<string>();
  const messageQueues: Requirements['messageQueues'] = [];
  const groups: Requirements['fanotify'] = [];
  const hosts = new Map<string, Requirements['ports'][number]>();
  const elsewhere: Requirements['elsewhere'] = [];
  const inherited: Requirements['inherited'] = [];
  let connections = false;
  let rawSockets = false;
  const memberships = new MembershipReader();
  for (const group of tree.groups) {
    const { first } = group;
    unlessGone(() => {
      const instead = externalOf(group, said)?.instead;
      if (instead?.kind === 'inherit') {
        inherited.push({ object: first.object, fd: instead.fd, access: accessOf(first) });
        return;
      }
      if (instead?.kind === 'connect')
        elsewhere.push({ object: first.object, name: instead.name, type: thief.socket(first).type });
      if (first.isNamed && first.stat.isDirectory() && !first.isDeleted) directories.add(first.path);
      if (first.isNameless || link.matches(first, thief)) directories.add(dirname(first.path));
      const queue = queueRequirement(group, tree.groups);
      if (queue !== undefined) messageQueues.push(queue);
      if (inotify.matches(first, thief))
        for (const path of watchedPaths(first)) directories.add(directoryOf(path));
      if (fanotify.matches(first, thief)) {
        const wanted = fanotifyRequirement(group, { thief, withInode: () => [] });
        if (wanted !== undefined) groups.push({ object: first.object, group: wanted });
        for (const { object } of wanted?.marks ?? [])
          if (object.on === 'inode') directories.add(directoryOf(object.path));
      }
      if (!first.link.startsWith('socket:[')) return;
      for (const name of namedInterfaces(group, { thief, memberships: () => memberships }))
        interfaces.add(name);
      const facts = thief.socket(first);
      const { domain: family, type } = facts;
      rawSockets ||= isRaw(facts);
      const address = listeningAddress(group, { thief });
      if (address !== undefined) ports.push({ family, type, address, text: addressText(address) });
      const own = options.tcpClose ? undefined : connectionAddress(facts);
      if (own === undefined) return;
      connections = true;
      if (!isLoopback(own) && !options.moving.has(hostText(own)) && !options.forwarded.has(hostText(own)))
        hosts.set(hostText(own), { family, type, address: own, text: hostText(own) });
    });
    thief.release();
  }
  const own = tree.groups.filter((group) => !isInherited(group, said));
  const pairs = [...terminalPairs(own).values()].map(({ name }) => name);
  return {
    files: files.list,
    directories: [...directories],
    ports: [...ports, ...hosts.values()],
    connections,
    rawSockets,
    interfaces: [...interfaces],
    terminals: pairs,
    messageQueues,
    fanotify: groups,
    elsewhere,
    inherited,
  };
}

function directoryOf(path: string): string {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true ? path : dirname(path);
}
