// F_SETOWN, F_SETSIG and O_ASYNC: set in a process of the tree, where PIDs mean what they meant.
import type { OpenFile } from '../../images/state.ts';
import { Program } from '../../kernel/program.ts';
import type { ConnectContext } from './driver.ts';

const setFlags = 4;
const setSig = 10;
const setOwnEx = 15;
const async = 0o20000;
/** O_NONBLOCK, O_DIRECT, O_NOATIME: what F_SETFL would take away. */
const settable = 0o1046000;

export function connectOwner({ id, flags, owner }: OpenFile, context: ConnectContext): void {
  if (owner === undefined && (flags & async) === 0) return;
  const place = context.placesOf(id)[0];
  if (place === undefined) return;
  const program = new Program();
  if (owner !== undefined) {
    const value = program.bytes(new Uint8Array(Int32Array.of(owner.type, owner.pid).buffer));
    program.attempt('fcntl', place.fd, setOwnEx, value); // whoever it was may have ended
    program.attempt('fcntl', place.fd, setSig, owner.signal);
  }
  if ((flags & async) !== 0) program.call('fcntl', place.fd, setFlags, flags & (settable | async));
  context.runner(place.vpid).run(program);
}
