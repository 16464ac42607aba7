// epoll(7): the instance is made in the agent, what it watches is added by a process that has it, since the key of a
// watch is file and number.
import type { ResourceImage } from '../../images/resources/registry.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program } from '../../kernel/program.ts';
import type { ConnectContext, Place, TargetDriver } from './driver.ts';

type Watch = ResourceImage<'epoll'>['watches'][number];

const cloexec = 0o2000000;
const ctlAdd = 1;
const ctlMod = 3;
/** EPOLLWAKEUP, EPOLLONESHOT, EPOLLET and EPOLLEXCLUSIVE: how, not what. */
const manner = 0xf000_0000;
const oneShot = 0x4000_0000;
/** EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLRDHUP and their kin: one of them is mostly ready. */
const anything = 0x27cf;
const eventLength = 12;

export const epoll: TargetDriver<'epoll'> = {
  open() {
    const program = new Program();
    const fd = program.call('epoll_create1', cloexec);
    return runLocal(program).number(fd);
  },

  connect({ watches }, { id }, context) {
    const places = context.placesOf(id);
    const first = places[0];
    if (first === undefined) return;
    const homes = watches.map((watch) => ({ watch, ...homeOf(watch, places, first, context) }));
    for (const place of places) {
      const own = homes.filter((home) => home.place === place);
      const used = own.filter(({ watch }) => isUsedUp(watch));
      if (used.length > 0)
        restoreUsedUp(
          used.map(({ watch }) => watch),
          place,
          context,
        );
      const program = new Program();
      for (const { watch, isHere } of own) {
        if (!isUsedUp(watch)) add(program, place, watch, watch.events, isHere, context);
      }
      if (program.length > 0) context.runner(place.vpid).run(program);
    }
  },
};

/** The process that adds the watch: one that has the file under its number, if there is one. */
function homeOf(
  watch: Watch,
  places: readonly Place[],
  first: Place,
  context: ConnectContext,
): { place: Place; isHere: boolean } {
  const place = places.find(({ vpid }) => context.fileAt(vpid, watch.fd) === watch.file);
  return place === undefined ? { place: first, isHere: false } : { place, isHere: true };
}

/** A one-shot watch that has fired: it stays in the set, but waits for nothing. */
function isUsedUp({ events }: Watch): boolean {
  return (events & oneShot) !== 0 && (events & ~manner) === 0;
}

/**
 * epoll_ctl(2) always adds EPOLLERR and EPOLLHUP, a used-up watch has neither. So it is added for anything and used up
 * by fetching it, before the others are there; one that is not ready keeps the two.
 */
function restoreUsedUp(watches: readonly Watch[], place: Place, context: ConnectContext): void {
  const program = new Program();
  for (const watch of watches) {
    const isHere = context.fileAt(place.vpid, watch.fd) === watch.file;
    add(program, place, watch, watch.events | anything, isHere, context);
  }
  const events = program.room(watches.length * eventLength);
  const ready = program.attempt('epoll_wait', place.fd, events, watches.length, 0);
  const outcome = context.runner(place.vpid).run(program);
  const fired = new Set<bigint>();
  const view = outcome.view(events);
  for (let i = 0; i < outcome.number(ready); i++) fired.add(view.getBigUint64(i * eventLength + 4, true));
  const missed = watches.filter(
    ({ data }) => !fired.has(data) || watches.filter((other) => other.data === data).length > 1,
  );
  const correction = new Program();
  for (const watch of missed) {
    const isHere = context.fileAt(place.vpid, watch.fd) === watch.file;
    add(correction, place, watch, watch.events, isHere, context, ctlMod);
  }
  if (correction.length > 0) context.runner(place.vpid).run(correction);
}

function add(
  program: Program,
  place: Place,
  watch: Watch,
  events: number,
  isHere: boolean,
  context: ConnectContext,
  operation: number = ctlAdd,
): void {
  const event = new Uint8Array(eventLength);
  const view = new DataView(event.buffer);
  view.setUint32(0, events >>> 0, true);
  view.setBigUint64(4, watch.data, true);
  const control = (): void => {
    program.call('epoll_ctl', place.fd, operation, watch.fd, program.bytes(event));
  };
  if (isHere) control();
  else underItsNumber(program, place, watch, context, control);
}

/**
 * The process has another file under the number, or none: the watched one takes the number for a moment. Closing it
 * does not end the watch, as long as the file is open elsewhere.
 */
function underItsNumber(
  program: Program,
  { vpid }: Place,
  { fd, file }: Watch,
  context: ConnectContext,
  control: () => void,
): void {
  const duplicateCloexec = 1030;
  const getDescriptorFlags = 1;
  const isTaken = context.fileAt(vpid, fd) !== undefined;
  const watched = context.bring(program, vpid, file);
  const aside = isTaken ? program.call('fcntl', fd, duplicateCloexec, watched + 1) : undefined;
  const flags = isTaken ? program.call('fcntl', fd, getDescriptorFlags, 0) : undefined;
  program.call('dup3', watched, fd, cloexec);
  control();
  if (aside === undefined || flags === undefined) program.call('close', fd);
  else {
    const setDescriptorFlags = 2;
    program.call('dup3', aside, fd, 0);
    program.call('fcntl', fd, setDescriptorFlags, flags);
    program.call('close', aside);
  }
  program.call('close', watched);
}
