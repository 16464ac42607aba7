// Who has which open file under which number, for drivers that connect them.
import { GodwitError } from '../../errors.ts';
import type { Descriptor } from '../../images/state.ts';
import type { ConnectContext, Place } from './driver.ts';
import type { Placement } from './place.ts';

/** Processes and what they have open. */
export type Inhabitants = readonly { readonly pid: number; readonly descriptors: readonly Descriptor[] }[];

/** `rest`: what the restorer of the open files has itself. */
export function connectContext(
  processes: Inhabitants,
  placements: readonly Placement[],
  agentFds: ReadonlyMap<number, number>,
  rest: Pick<ConnectContext, 'runner' | 'recordLater'>,
): ConnectContext {
  const byVpid = new Map(placements.map((placement) => [placement.vpid, placement]));
  const places = new Map<number, Place[]>();
  const numbers = new Map<string, number>();
  for (const { pid, descriptors } of processes) {
    for (const { fd, file } of descriptors) {
      const list = places.get(file);
      if (list === undefined) places.set(file, [{ vpid: pid, fd }]);
      else list.push({ vpid: pid, fd });
      numbers.set(`${pid}:${fd}`, file);
    }
  }
  return {
    ...rest,
    placesOf: (file) => places.get(file) ?? [],
    fileAt: (vpid, fd) => numbers.get(`${vpid}:${fd}`),
    bring: (program, vpid, file) => {
      const placement = byVpid.get(vpid);
      if (placement === undefined) throw new GodwitError('INTERNAL', `process ${vpid} has no descriptors`);
      const got = program.call('pidfd_getfd', placement.pidfd, fdOf(agentFds, file), 0);
      program.call('dup3', got, placement.free, 0o2000000);
      program.call('close', got);
      return placement.free;
    },
  };
}

/** The agent's descriptor of an open file. @throws GodwitError PROTOCOL */
export function fdOf(agentFds: ReadonlyMap<number, number>, file: number): number {
  const fd = agentFds.get(file);
  if (fd === undefined)
    throw new GodwitError('PROTOCOL', `the source named open file ${file}, which it never described`);
  return fd;
}
