// Makes a shell's address space look as wanted: the difference as programs of munmap, mremap, mmap, mprotect, madvise.
import { GodwitError } from '../errors.ts';
import type { Mapping } from '../images/memory.ts';
import { hugeSizeFlag } from '../kernel/huge-pages.ts';
import { Program } from '../kernel/program.ts';
import { pageSize, userEnd } from '../units.ts';
import type { AgentFiles } from './agent-files.ts';
import {
  isSpecial,
  layoutDifference,
  stagedProtection,
  type Change,
  type Move,
} from './layout-difference.ts';
import { findHole, type Range } from './scratch.ts';
import type { SharedObjects } from './shared-objects.ts';
import type { Shell } from './shell.ts';
import { attachSegment } from './sysv/segments.ts';

const mapShared = 1;
const mapPrivate = 2;
const mapFixed = 0x10;
const mapAnonymous = 0x20;
const mapGrowsDown = 0x100;
const mapNoReserve = 0x4000;
const mapHugetlb = 0x4_0000;
/** MREMAP_MAYMOVE | MREMAP_FIXED. */
const remapFixed = 3;
const prSetVma = 0x5356_4d41;

export interface MappingSources {
  readonly files: AgentFiles;
  readonly objects: SharedObjects;
}

type Step = (program: Program) => void;

/**
 * `wants` with file sources as AgentFiles.intern numbered them. Returns where content went: unmapped, or mapped afresh.
 * @throws GodwitError REMOTE_CALL, REFUSED.
 */
export function applyLayout(shell: Shell, wants: readonly Mapping[], sources: MappingSources): Range[] {
  const { unmap, move, map, change } = layoutDifference(shell.mappings, wants);
  shell.runSteps([...unmap.map(unmapping), ...moving(shell, move, wants)]);
  for (const mapping of map) if (mapping.kind === 'aio') mapRing(shell, mapping);
  mapAll(shell, attachSegments(shell, map, wants, sources), sources);
  shell.runSteps([...map.flatMap(decorations), ...change.map(changing)]);
  shell.mappings = wants;
  return [...unmap, ...map].map(({ start, end }) => ({ start, end })).sort((a, b) => a.start - b.start);
}

/** Unmaps all but what is special and the scratch memory: a new process inherits its parent's memory only if it is told to. */
export function makeBlank(shell: Shell): void {
  const kept = shell.mappings.filter(isSpecial);
  const borders = [...kept, shell.scratch.range].sort((a, b) => a.start - b.start);
  const steps: Step[] = [];
  let at = 0;
  for (const { start, end } of [...borders, { start: userEnd, end: userEnd }]) {
    if (start > at) steps.push(unmapping({ start: at, end: start }));
    at = end;
  }
  shell.runSteps(steps);
  shell.mappings = kept;
}

/** Away with the mappings of these shared objects. */
export function unmapObjects(shell: Shell, ids: ReadonlySet<number>): void {
  const isGone = ({ kind, source = -1 }: Mapping): boolean => kind === 'object' && ids.has(source);
  const gone = shell.mappings.filter(isGone);
  if (gone.length === 0) return;
  shell.runSteps(gone.map(unmapping));
  shell.mappings = shell.mappings.filter((mapping) => !isGone(mapping));
}

function unmapping({ start, end }: Range): Step {
  return (program) => {
    program.call('munmap', start, end - start);
  };
}

/** All of them aside first: the new place of one may be the old place of another. */
function moving(shell: Shell, moves: readonly Move[], wants: readonly Mapping[]): Step[] {
  if (moves.length === 0) return [];
  const total = moves.reduce((sum, { length }) => sum + length, 0);
  let aside = findHole([...shell.mappings, ...wants, shell.scratch.range], total);
  const places = moves.map((move) => {
    const place = { ...move, aside };
    aside += move.length;
    return place;
  });
  return [
    ...places.map(({ from, aside: to, length }) => remapping(from, to, length)),
    ...places.map(({ aside: from, to, length }) => remapping(from, to, length)),
  ];
}

function remapping(from: number, to: number, length: number): Step {
  return (program) => {
    program.call('mremap', from, length, length, remapFixed, to);
  };
}

/** The ring of io_setup(2) appears where the kernel likes, and its context's name is its address: mremap renames it. */
function mapRing(shell: Shell, { start, end, events }: Mapping): void {
  const setup = new Program();
  const context = setup.room(8);
  setup.call('io_setup', events ?? 1, context);
  const address = shell.run(setup).words(context)[0] ?? 0n;
  const move = new Program();
  const moved = move.attempt('mremap', address, end - start, end - start, remapFixed, start);
  const result = shell.run(move).number(moved);
  if (result === start) return;
  throw new GodwitError(
    'UNSUPPORTED',
    `${shell.name}: the ring of an AIO context cannot be placed as it was`,
    {
      hint: 'the size of such rings depends on the number of CPUs; use a target with as many as the source has',
      cause: { errno: result },
    },
  );
}

/** Returns the pieces that are no System V segments. */
function attachSegments(
  shell: Shell,
  pieces: readonly Mapping[],
  wants: readonly Mapping[],
  { objects }: MappingSources,
): Mapping[] {
  const bySegment = new Map<number, Mapping[]>();
  const others: Mapping[] = [];
  for (const piece of pieces) {
    const { kind, source = -1 } = piece;
    if (kind !== 'object' || objects.segment(source) === undefined) others.push(piece);
    else bySegment.set(source, [...(bySegment.get(source) ?? []), piece]);
  }
  for (const [source, list] of bySegment) {
    const { size, hugePage: page = pageSize } = objects.shape(source);
    const segment = { id: objects.segment(source)?.id ?? 0, size, page };
    attachSegment(shell, segment, list, [...shell.mappings, ...wants, shell.scratch.range]);
  }
  return others;
}

/** Descriptors are pulled once per file and program, and closed again at its end. */
function mapAll(shell: Shell, pieces: readonly Mapping[], sources: MappingSources): void {
  const backed = new Map<number, Mapping[]>();
  const plain: Mapping[] = [];
  for (const piece of pieces) {
    if (piece.kind === 'anonymous') plain.push(piece);
    else if (piece.kind !== 'aio') {
      const fd = backingOf(piece, sources);
      backed.set(fd, [...(backed.get(fd) ?? []), piece]);
    }
  }
  const steps: Step[] = plain.map((piece) => (program) => {
    program.call(
      'mmap',
      piece.start,
      piece.end - piece.start,
      stagedProtection(piece),
      flagsOf(piece),
      -1,
      0,
    );
  });
  for (const [agentFd, list] of backed) {
    steps.push((program) => {
      const fd = program.call('pidfd_getfd', shell.agentPidfd, agentFd, 0);
      for (const piece of list) {
        const length = piece.end - piece.start;
        program.call('mmap', piece.start, length, stagedProtection(piece), flagsOf(piece), fd, piece.offset);
      }
      program.call('close', fd);
    });
  }
  shell.runSteps(steps);
}

function backingOf(piece: Mapping, { files, objects }: MappingSources): number {
  if (piece.kind === 'zero') return files.zeroDevice();
  if (piece.source === undefined) {
    throw new GodwitError(
      'PROTOCOL',
      `a ${piece.kind} mapping at 0x${piece.start.toString(16)} names no source`,
    );
  }
  if (piece.kind === 'object') return objects.mappingFd(piece.source, piece.shared && piece.writable);
  return files.open(piece.source, piece.shared && piece.writable);
}

function flagsOf(piece: Mapping): number {
  let flags = mapFixed | (piece.shared ? mapShared : mapPrivate);
  if (piece.kind === 'anonymous') flags |= mapAnonymous;
  if (piece.kind === 'anonymous' && piece.hugePage !== undefined)
    flags |= mapHugetlb | hugeSizeFlag(piece.hugePage);
  if (piece.growsDown) flags |= mapGrowsDown;
  if (piece.noReserve) flags |= mapNoReserve;
  return flags;
}

/** What mmap cannot say: advice and name. */
function decorations(piece: Mapping): Step[] {
  const range = { start: piece.start, end: piece.end };
  const steps = piece.advice.map((advice) => changing({ what: 'advise', advice, ...range }));
  if (piece.name !== undefined) steps.push(changing({ what: 'name', name: piece.name, ...range }));
  return steps;
}

function changing(change: Change): Step {
  const length = change.end - change.start;
  return (program) => {
    if (change.what === 'protect') program.call('mprotect', change.start, length, change.protection);
    // Advice and names change no content; a kernel built without them must not end a migration.
    else if (change.what === 'advise') program.attempt('madvise', change.start, length, change.advice);
    else {
      const name = change.name === '' ? 0 : program.cstring(change.name);
      program.attempt('prctl', prSetVma, 0, change.start, length, name);
    }
  };
}
