// SO_PEERCRED and SO_PEERGROUPS: whom the kernel noted down at socketpair(2), listen(2) or connect(2). The PID is translated for
// whoever asks: where the tree lives in a PID namespace of its own, the process itself is asked.
import { GodwitError } from '../../errors.ts';
import type { PeerCredentials } from '../../images/resources/peer-credentials.ts';
import { runLocal } from '../../kernel/local-program.ts';
import { readStatus } from '../../kernel/proc/status.ts';
import { isError, Program, type Outcome } from '../../kernel/program.ts';
import { solSocket } from '../../kernel/socket-options.ts';
import { ask } from '../../kernel/socket-questions.ts';
import type { DumpContext } from './driver.ts';
import type { ProcessRef, SeenFile } from './seen-file.ts';

const soPeercred = 17;
const soPeergroups = 59; // Linux 4.13
const erange = -34;
const nobody = 0xffff_ffff;
/** Groups that are asked for at once. */
const someGroups = 64;

type Context = Pick<DumpContext, 'thief' | 'runIn' | 'insideOf'>;

/** Undefined: the socket has no peer that was noted down. */
export function peerCredentials(
  file: SeenFile,
  { thief, runIn, insideOf }: Context,
): PeerCredentials | undefined {
  const program = new Program();
  const fd = thief.fdOf(file);
  const who = ask(program, fd, solSocket, soPeercred, 12);
  const groups = ask(program, fd, solSocket, soPeergroups, 4 * someGroups);
  const outcome = runLocal(program);
  if (isError(outcome.result(who.result))) return undefined;
  const view = outcome.view(who.value);
  const [uid, gid] = [view.getUint32(4, true), view.getUint32(8, true)];
  if (uid === nobody && gid === nobody) return undefined;
  const seen = view.getInt32(0, true);
  // No process of the tree has what is in flight, and could be asked.
  const pid = file.carrier === undefined ? (pidInside(file, runIn) ?? seen) : insideOf(seen);
  const size = outcome.view(groups.length).getUint32(0, true);
  const result = outcome.number(groups.result);
  const list = result === erange ? allGroups(fd, size) : result < 0 ? [] : words(outcome, groups.value, size);
  return { pid, uid, gid, groups: list };
}

/** Whom the other end sees when this process connects. @throws GodwitError NO_PROCESS */
export function ownCredentials({ pid, vpid }: ProcessRef): PeerCredentials {
  const status = readStatus(pid);
  if (status === undefined)
    throw new GodwitError('NO_PROCESS', `process ${pid} ended while it was looked at`);
  return { pid: vpid, uid: status.uid[1], gid: status.gid[1], groups: [...status.groups] };
}

/** The number that a process of another PID namespace sees. */
function pidInside({ process, fd }: SeenFile, runIn: DumpContext['runIn']): number | undefined {
  if (process.pid === process.vpid || runIn === undefined) return undefined;
  const program = new Program();
  const who = ask(program, fd, solSocket, soPeercred, 12);
  const outcome = runIn(process.pid, program);
  return isError(outcome.result(who.result)) ? undefined : outcome.view(who.value).getInt32(0, true);
}

function allGroups(fd: number, size: number): number[] {
  const program = new Program();
  const groups = ask(program, fd, solSocket, soPeergroups, size);
  const outcome = runLocal(program);
  return outcome.number(groups.result) < 0 ? [] : words(outcome, groups.value, size);
}

function words(outcome: Outcome, value: Parameters<Outcome['view']>[0], size: number): number[] {
  const view = outcome.view(value);
  return Array.from({ length: size >> 2 }, (_, index) => view.getUint32(4 * index, true));
}
