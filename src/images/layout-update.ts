// A layout as it travels: what differs from the one that the peer had last. Most of a tree stays as it is from round to round, and all of it in
// the freeze, where writing, reading and checking what is known already would prolong the downtime.
import * as z from 'zod';
import { GodwitError } from '../errors.ts';
import { processLayoutSchema, type TreeLayout } from './layout.ts';
import { addressSpaceSchema, fileIdentitySchema, sharedObjectSchema, type AddressSpace } from './memory.ts';
import { list, pid } from './scalars.ts';

export const layoutUpdateSchema = z.strictObject({
  root: pid,
  /** PIDs of all that have an address space, in the order of the layout. */
  owners: list(pid, 32_768),
  /** Those of them that are new or look different. */
  spaces: list(addressSpaceSchema, 32_768),
  /** Each of these whole; absent: as before. */
  processes: list(processLayoutSchema, 32_768).optional(),
  files: list(fileIdentitySchema).optional(),
  objects: list(sharedObjectSchema).optional(),
});
export type LayoutUpdate = z.infer<typeof layoutUpdateSchema>;

/** `before`: what the peer has; undefined: nothing. */
export function updateOf(before: TreeLayout | undefined, now: TreeLayout): LayoutUpdate {
  const had = spacesOf(before);
  return {
    root: now.root,
    owners: now.spaces.map(({ id }) => id),
    spaces: now.spaces.filter(({ id, mappings }) => !isSame(had.get(id)?.mappings, mappings)),
    ...(isSame(before?.processes, now.processes) ? {} : { processes: now.processes }),
    ...(isSame(before?.files, now.files) ? {} : { files: now.files }),
    ...(isSame(before?.objects, now.objects) ? {} : { objects: now.objects }),
  };
}

/** The peer has nothing to do. */
export function changesNothing({ spaces, processes, files, objects }: LayoutUpdate): boolean {
  return spaces.length === 0 && processes === undefined && files === undefined && objects === undefined;
}

/** What stays the same is the very same object as before. @throws GodwitError PROTOCOL: the update leaves something open */
export function updated(before: TreeLayout | undefined, update: LayoutUpdate): TreeLayout {
  const { root, owners, spaces } = update;
  const had = spacesOf(before);
  const fresh = new Map(spaces.map((space) => [space.id, space]));
  const known = new Set(owners);
  const stranger = spaces.find(({ id }) => !known.has(id));
  if (stranger !== undefined) throw open(`the address space of process ${stranger.id}, which has none`);
  const spaceOf = (id: number): AddressSpace => {
    const space = fresh.get(id) ?? had.get(id);
    if (space === undefined) throw open(`process ${id} without its address space`);
    return space;
  };
  const processes = update.processes ?? before?.processes;
  const files = update.files ?? before?.files;
  const objects = update.objects ?? before?.objects;
  if (processes === undefined || files === undefined || objects === undefined)
    throw open('a layout that builds on none');
  return { root, processes, spaces: owners.map(spaceOf), files, objects };
}

function spacesOf(layout: TreeLayout | undefined): Map<number, AddressSpace> {
  return new Map(layout?.spaces.map((space) => [space.id, space]));
}

/** Lists of the same things: mostly the very same ones. */
function isSame(a: readonly unknown[] | undefined, b: readonly unknown[]): boolean {
  if (a === b) return true;
  if (a?.length !== b.length) return false;
  return a.every((one, i) => one === b[i] || keyOf(one) === keyOf(b[i]));
}

function keyOf(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
}

function open(what: string): GodwitError {
  return new GodwitError('PROTOCOL', `the source sent ${what}`);
}
