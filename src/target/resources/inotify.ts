// inotify(7): watches are added in a process of the tree when everything is open, so that opening makes no events. The kernel
// counts their numbers upwards (fs/notify/inotify, idr_alloc_cyclic): those in between are given to a watch that goes again.
import { GodwitError } from '../../errors.ts';
import type { ResourceImage } from '../../images/resources/registry.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { Program, type Result } from '../../kernel/program.ts';
import type { Runner, TargetDriver } from './driver.ts';

type Watch = ResourceImage<'inotify'>['watches'][number];

const cloexec = 0o2000000;
const nonblock = 0o4000;
const getFlags = 3;
const setFlags = 4;
/** What is watched is the file that was found, be it a symbolic link. */
const dontFollow = 0x0200_0000;
/** A file that no program watches: file handles of /proc lead nowhere, so that the source has refused it. */
const fillerPath = '/proc/self/oom_score';
const fillerMask = 0x400; // IN_DELETE_SELF
/** Bytes of one program: scratch memory of shells holds some more. */
const enough = 512 * 1024;
/** An IN_IGNORED event of a removed watch takes 16 bytes. */
const eventsRoom = 64 * 1024;
const eventsPerRead = eventsRoom / 16;

export const inotify: TargetDriver<'inotify'> = {
  open() {
    const program = new Program();
    const fd = program.call('inotify_init1', cloexec);
    return runLocal(program).number(fd);
  },

  connect({ watches }, { id }, context) {
    const place = context.placesOf(id)[0];
    if (place === undefined) return;
    const runner = context.runner(place.vpid);
    const fillers = addWatches(runner, place.fd, watches);
    if (fillers > 0) forgetEvents(runner, place.fd, fillers);
  },
};

/** Returns how many numbers were filled. @throws GodwitError REMOTE_CALL, INTERNAL */
function addWatches(runner: Runner, fd: number, watches: readonly Watch[]): number {
  let program = new Program();
  let results: { readonly wd: number; readonly result: Result }[] = [];
  const flush = (): void => {
    if (results.length === 0) return;
    const outcome = runner.run(program);
    const wrong = results.find(({ wd, result }) => outcome.number(result) !== wd);
    if (wrong !== undefined) throw wrongNumber(wrong.wd, outcome.number(wrong.result));
    program = new Program();
    results = [];
  };
  const add = (wd: number, path: string, mask: number): void => {
    results.push({ wd, result: program.call('inotify_add_watch', fd, program.cstring(path), mask) });
    if (path === fillerPath) program.call('inotify_rm_watch', fd, wd);
    if (program.size > enough) flush();
  };
  let next = 1;
  for (const { wd, path, mask } of watches) {
    for (; next < wd; next++) add(next, fillerPath, fillerMask);
    add(wd, path, mask | dontFollow);
    next = wd + 1;
  }
  flush();
  return next - 1 - watches.length;
}

/** Each watch that went has left an event. */
function forgetEvents(runner: Runner, fd: number, count: number): void {
  const ask = new Program();
  const asked = ask.call('fcntl', fd, getFlags, 0);
  const flags = runner.run(ask).number(asked);
  const program = new Program();
  const room = program.room(eventsRoom);
  program.call('fcntl', fd, setFlags, flags | nonblock);
  for (let read = 0; read <= count; read += eventsPerRead) program.attempt('read', fd, room, eventsRoom);
  program.attempt('read', fd, room, eventsRoom);
  program.call('fcntl', fd, setFlags, flags);
  runner.run(program);
}

function wrongNumber(wanted: number, got: number): GodwitError {
  return new GodwitError('INTERNAL', `watch ${wanted} of an inotify instance was given the number ${got}`);
}
