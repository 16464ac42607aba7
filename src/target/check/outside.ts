// What the operator gives the tree in the place of what stays behind: descriptors of receive, sockets of others on this host.
import { statSync } from 'node:fs';
import type { Blocker, Requirements } from '../../images/requirements.ts';
import { mayAccess } from '../../kernel/may-access.ts';
import { errnoName } from '../../kernel/program.ts';
import { unixName } from '../../kernel/socket-address.ts';
import { givenDescriptors, whyNotUsable } from '../given-descriptors.ts';
import { blocker } from './blocker.ts';

const mayWrite = 2;

export function checkOutside({
  elsewhere,
  inherited,
}: Pick<Requirements, 'elsewhere' | 'inherited'>): Blocker[] {
  return [
    ...inherited.flatMap(({ object, fd, access }) => {
      const given = givenDescriptors().get(fd);
      if (given === undefined)
        return blocker(
          object,
          `receive was not started with a descriptor ${fd} for it`,
          `start it so: receive --inherit-fd ${fd} ... ${fd}>>FILE`,
        );
      const why = whyNotUsable(given, access);
      return why === undefined
        ? []
        : blocker(object, `descriptor ${fd} of receive: ${why}`, 'start receive with another one');
    }),
    ...elsewhere.flatMap(({ object, name }) => {
      if (name[0] === 0) return []; // abstract: only connecting tells
      const path = unixName(name);
      const why = whyNotThere(path);
      return why === undefined
        ? []
        : blocker(object, `${path}: ${why}`, 'start the service, or name another socket');
    }),
  ];
}

function whyNotThere(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 'there is no such socket here';
  if (!stat.isSocket()) return 'it is no socket here';
  const may = mayAccess(path, mayWrite);
  return may < 0 ? `receive may not connect to it: ${errnoName(may)}` : undefined;
}
