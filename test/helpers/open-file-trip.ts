// Open files are made, dumped, restored into other processes, and looked at from the inside, without a migration.
import { readdirSync } from 'node:fs';
import { LiveProcess } from '../../src/kernel/live-process.ts';
import { Program, type Outcome } from '../../src/kernel/program.ts';
import { stopTasks } from '../../src/kernel/stopped.ts';
import { FileIdentities } from '../../src/source/file-identities.ts';
import {
  dumpOpenFiles,
  InFlight,
  prepareOpenFiles,
  surveyOpenFiles,
  type DumpedOpenFiles,
  type ProcessRef,
} from '../../src/source/open-files.ts';
import { restoreOpenFiles } from '../../src/target/open-files.ts';
import type { RestoredOpenFiles } from '../../src/target/restore-options.ts';
import { RemovedDirectories } from '../../src/target/removed-directories.ts';
import { Puppets, type Result, type RoundTrip } from './open-file-puppets.ts';

/** Makes, surveys and dumps. The source stands still afterwards. */
export async function dumpPuppets(
  puppets: Puppets,
  trip: RoundTrip,
): Promise<{
  refs: ProcessRef[];
  blockers: ReturnType<typeof surveyOpenFiles>;
  dump: () => DumpedOpenFiles;
  files: FileIdentities;
}> {
  const pid = await puppets.start('make', trip);
  const keep = puppets.keep();
  const pids = [pid, ...(trip.forked ?? []).map((name) => Number(keep[name]))];
  for (const one of pids.slice(1)) puppets.adopt(one);
  for (const one of pids) await puppets.stopped(one);
  const refs = pids.map((one) => ({ pid: one, vpid: one }));
  const options = {
    tcpClose: trip.tcpClose ?? false,
    skipInFlight: trip.tcpClose ?? false,
    moving: new Set<string>(),
    forwarded: new Set<string>(),
    externals: [],
  };
  const blockers = surveyOpenFiles(refs, options);
  const files = new FileIdentities();
  const prepared = prepareOpenFiles(refs, files, { externals: [] });
  const lateObject = (): undefined => undefined;
  const objectOf = trip.objects?.(puppets.directory).objectOf ?? lateObject;
  const { messages } = trip;
  const dump = (): DumpedOpenFiles => {
    using inFlight = new InFlight('frozen');
    return dumpOpenFiles(refs, { ...options, prepared, inFlight, objectOf, lateObject, messages });
  };
  return { refs, blockers, files, dump };
}

/** The whole way: make, dump, end, restore into other processes, check from the inside. */
export async function roundTrip(
  trip: RoundTrip,
  look: (result: Result) => void = () => undefined,
): Promise<void> {
  await using puppets = new Puppets();
  const { refs, blockers, files, dump } = await dumpPuppets(puppets, trip);
  if (blockers.length > 0) throw new Error(JSON.stringify(blockers));
  const dumped = dump();
  if (trip.sourceStays !== true) await puppets.end(refs.map(({ pid }) => pid));
  trip.beforeRestore?.(puppets.directory);
  const targets = new Map<number, number>();
  for (const [number, { vpid }] of refs.entries())
    targets.set(vpid, await puppets.start('check', trip, number));
  const restored = restoreInto(targets, dumped, files, trip, puppets.directory);
  trip.afterRestore?.(restored, puppets.directory);
  if (trip.sourceStays === true) await puppets.end(refs.map(({ pid }) => pid));
  restored.commit();
  if (restored.takeLocks() !== 0) throw new Error('a lock is still held');
  restored.close();
  look({ directory: puppets.directory, blockers, dumped, restored });
  for (const pid of targets.values()) process.kill(pid, 'SIGUSR1');
  for (const number of refs.keys()) {
    const result = await puppets.result(number);
    if (result !== 'ok') throw new Error(result);
  }
}

function restoreInto(
  targets: ReadonlyMap<number, number>,
  dumped: DumpedOpenFiles,
  files: FileIdentities,
  trip: RoundTrip,
  directory: string,
): RestoredOpenFiles {
  using stopped = stopTasks([...targets.values()]);
  if (stopped.tids.length !== targets.size) throw new Error('a target does not stop');
  const live = new Map([...targets].map(([vpid, pid]) => [vpid, LiveProcess.open(pid, pid)]));
  const agentPidfd = 100;
  for (const target of live.values()) {
    const program = new Program();
    const got = program.call('pidfd_open', process.pid, 0);
    program.call('dup3', got, agentPidfd, 0);
    program.call('close', got);
    target.run(program);
  }
  const list = files.list;
  const before = openCount();
  const kept = trip.sourceStays === true ? 1 : 0; // descriptors of locks that are taken later
  using removedDirectories = new RemovedDirectories();
  const restored = restoreOpenFiles({
    removedDirectories,
    openFiles: dumped.openFiles,
    processes: [...dumped.descriptors].map(([pid, descriptors]) => ({ pid, descriptors })),
    shellOf: (vpid) => ({ run: (program: Program): Outcome => find(live, vpid).run(program) }),
    taskOf: (vpid) => live.get(vpid)?.pid,
    agentPidfd,
    objectFd: trip.objects?.(directory).objectFd ?? (() => -1),
    fileOf: (index) => {
      const identity = list[index];
      if (identity === undefined) throw new Error(`no file ${index}`);
      return identity;
    },
    sameKernel: true,
    elapsed: () => trip.elapsed ?? 0n,
  });
  restored.watch();
  if (openCount() > before + kept) throw new Error('the agent keeps descriptors');
  for (const target of live.values()) target.close();
  return restored;
}

function find<T>(map: ReadonlyMap<number, T>, key: number): T {
  const found = map.get(key);
  if (found === undefined) throw new Error(`no process ${key}`);
  return found;
}

function openCount(): number {
  return readdirSync('/proc/self/fd').length;
}
