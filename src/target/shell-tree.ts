// All shells of the tree to be, and how they follow the layouts that the source sends: who ends, who is born, which
// threads there are, and what is mapped where.
import { GodwitError } from '../errors.ts';
import type { ProcessLayout, TreeLayout } from '../images/layout.ts';
import type { AddressSpace, Mapping } from '../images/memory.ts';
import type { TerminalName } from '../images/resources/terminal.ts';
import { AgentFiles } from './agent-files.ts';
import { applyLayout, makeBlank, unmapObjects } from './apply-layout.ts';
import { planBirths } from './birth-plan.ts';
import { bearThreads, becomeSubreaper, carryOut, shellOf } from './births.ts';
import { giveUpTerminal, sessionTerminals, takeTerminal } from './controlling-terminals.ts';
import { awaitShell, endShell, endThread, killShell } from './end-shell.ts';
import { openFirstShell, type SpawnedProcess } from './first-shell.ts';
import { moveScratch } from './move-scratch.ts';
import type { Range, ScratchMemory } from './scratch.ts';
import { SharedObjects } from './shared-objects.ts';
import { followSharing, sharingOf } from './sharing.ts';
import type { Shell } from './shell.ts';
import type { SysvUndo } from './sysv/make.ts';
import { Terminals } from './terminals.ts';
import { closeTreeRoot, openTreeRoot, type TreeRoot } from './tree-root.ts';

const sigchld = 17;

/** Makes a process that pauses, with a PID and in a session of its own choice: the keeper does. */
export type Spawn = (vpid: number, sid: number) => SpawnedProcess;

/** Who must know what becomes of address spaces: the one that writes their pages. */
export interface SpaceObserver {
  /** `clonedFrom`: the process whose pages it has inherited. */
  born(vpid: number, pid: number, clonedFrom?: number): void;
  ended(vpid: number): void;
  /** `gone`: where pages were, or where something was mapped afresh. */
  mapped(vpid: number, mappings: readonly Mapping[], gone: readonly Range[]): void;
}

export class ShellTree {
  readonly shells = new Map<number, Shell>();
  readonly files: AgentFiles;
  readonly objects: SharedObjects;
  readonly terminals = new Terminals();
  /** The layout that the shells follow now. */
  layout: TreeLayout | undefined;
  readonly #spawn: Spawn;
  readonly #observer: SpaceObserver | undefined;
  #syscallOffset = 0;
  /** By what came: the same for what stays the same. */
  #renumbered = new WeakMap<readonly Mapping[], readonly Mapping[]>();
  #root: { readonly fd: TreeRoot } | undefined;

  /** `sameKernel`: source and target have one boot ID. */
  constructor(spawn: Spawn, sameKernel: boolean, observer?: SpaceObserver, undo?: SysvUndo) {
    this.#spawn = spawn;
    this.#observer = observer;
    this.objects = new SharedObjects(undo, () => this.root);
    this.files = new AgentFiles(sameKernel);
  }

  /** @throws GodwitError INTERNAL when there is none. */
  shell(vpid: number): Shell {
    return shellOf(this.shells, vpid);
  }

  /** The agent's number of a task of the tree. */
  task(vtid: number): number | undefined {
    for (const { tids } of this.shells.values()) if (tids.has(vtid)) return tids.get(vtid);
    return undefined;
  }

  /** Where names mean what they mean to the tree. Preconditions: there is a shell. */
  get root(): TreeRoot {
    const [first] = this.shells.values();
    if (first === undefined) throw new GodwitError('PROTOCOL', 'the source named open files, and no process');
    this.#root ??= { fd: openTreeRoot(first.pid) };
    return this.#root.fd;
  }

  /** All of them; the parents before their children. */
  inOrder(): readonly Shell[] {
    return (this.layout?.processes ?? []).map(({ pid }) => this.shell(pid));
  }

  /** Address of a `syscall` instruction in a shell, outside of scratch memory. */
  syscallAddress(shell: Shell): number {
    const vdso = shell.mappings.find(({ kind }) => kind === 'vdso');
    if (vdso === undefined) {
      throw new GodwitError('UNSUPPORTED', `${shell.name} has no vdso`, {
        hint: 'a program that unmaps its vdso cannot be moved by this version',
      });
    }
    return vdso.start + this.#syscallOffset;
  }

  get scratch(): ScratchMemory | undefined {
    return this.shells.values().next().value?.scratch;
  }

  /** Makes the shells look like `layout`. @throws GodwitError PID_TAKEN, REFUSED, REMOTE_CALL, NO_PROCESS. */
  follow(layout: TreeLayout): void {
    const { processes } = layout;
    const spaces = this.#spacesOf(layout);
    this.#handOverChildren(processes);
    this.#endVanished(processes);
    const { scratch } = this;
    if (scratch !== undefined) moveScratch(scratch, this.#owners(), [...spaces.values()].flat());
    this.#bear(processes, spaces);
    for (const process of processes) followSharing(this.shell(process.pid), process);
    for (const process of processes) this.#followThreads(process);
    const removed = this.objects.removed(layout.objects);
    for (const shell of this.#owners()) unmapObjects(shell, removed);
    this.objects.update(layout.objects, (vpid) => this.shells.get(vpid));
    const sources = { files: this.files, objects: this.objects };
    for (const { pid } of processes) {
      const shell = this.shell(pid);
      const owner = this.ownerOf(shell);
      if (owner === shell) {
        const wants = spaces.get(pid) ?? [];
        if (shell.mappings === wants) continue;
        const gone = applyLayout(shell, wants, sources);
        this.#observer?.mapped(pid, shell.mappings, gone);
      } else shell.mappings = owner.mappings; // its parent came first
    }
    this.layout = layout;
  }

  /** The shell whose memory a shell has: mostly its own. */
  ownerOf(shell: Shell): Shell {
    return shell.shares.memory ? this.ownerOf(this.shell(shell.ppid)) : shell;
  }

  #owners(): Shell[] {
    return [...this.shells.values()].filter(({ shares }) => !shares.memory);
  }

  /** Address spaces by PID, with numbers of files that stay the same from layout to layout; the very same lists for the same. */
  #spacesOf({ spaces, files }: TreeLayout): Map<number, readonly Mapping[]> {
    if (files !== this.layout?.files) this.#renumbered = new WeakMap();
    let numbers: readonly number[] | undefined;
    const renumber = (mapping: Mapping): Mapping => {
      if (mapping.kind !== 'file') return mapping;
      numbers ??= files.map((identity) => this.files.intern(identity));
      return { ...mapping, source: numbers[mapping.source ?? -1] };
    };
    const renumbered = ({ mappings }: AddressSpace): readonly Mapping[] => {
      const list = this.#renumbered.get(mappings) ?? mappings.map(renumber);
      this.#renumbered.set(mappings, list);
      return list;
    };
    return new Map(spaces.map((space) => [space.id, renumbered(space)]));
  }

  /** Orphans go to the nearest subreaper: a process of the tree that takes one over must be one before the parent ends. */
  #handOverChildren(processes: readonly ProcessLayout[]): void {
    for (const { pid, ppid } of processes) {
      const shell = this.shells.get(pid);
      if (shell === undefined || shell.ppid === ppid) continue;
      const heir = this.shells.get(ppid);
      if (heir !== undefined) becomeSubreaper(heir);
      shell.ppid = ppid;
    }
  }

  #endVanished(processes: readonly ProcessLayout[]): void {
    const wanted = new Set(processes.map(({ pid }) => pid));
    const parents = new Map([...this.shells.values()].map(({ vpid, ppid }) => [vpid, ppid]));
    const depth = (vpid: number): number => {
      const parent = parents.get(vpid);
      return parent === undefined ? 0 : depth(parent) + 1;
    };
    const vanished = [...this.shells.values()].filter(({ vpid }) => !wanted.has(vpid));
    for (const shell of vanished.sort((a, b) => depth(b.vpid) - depth(a.vpid))) {
      endShell(shell, this.shells.get(shell.ppid));
      this.shells.delete(shell.vpid);
      if (!shell.shares.memory) this.#observer?.ended(shell.vpid);
    }
  }

  #bear(processes: readonly ProcessLayout[], spaces: ReadonlyMap<number, readonly Mapping[]>): void {
    const byPid = new Map(processes.map((process) => [process.pid, process]));
    const terminals = sessionTerminals(processes);
    this.#followTerminals(terminals);
    const born = carryOut(planBirths([...this.shells.values()], processes), {
      shells: this.shells,
      shares: (vpid) => sharingOf(byPid.get(vpid)),
      founded: (shell) => {
        const name = terminals.get(shell.vpid);
        if (name !== undefined) takeTerminal(shell, name, this.terminals);
      },
      exitSignal: (vpid) => byPid.get(vpid)?.exitSignal ?? sigchld,
      spawn: (vpid, sid) => {
        const first = openFirstShell(this.#spawn(vpid, sid), [...spaces.values()].flat());
        this.#syscallOffset = first.syscallOffset;
        return first.shell;
      },
    });
    for (const vpid of born) {
      const shell = this.shell(vpid);
      if (shell.shares.memory) continue;
      const parent = byPid.get(vpid)?.inherits === true ? this.shells.get(shell.ppid) : undefined;
      if (parent === undefined) makeBlank(shell);
      this.#observer?.born(vpid, shell.pid, parent && this.ownerOf(parent).vpid);
    }
  }

  /** Leaders that live already take what they have got since, and give up what they have not any more. */
  #followTerminals(wanted: ReadonlyMap<number, TerminalName>): void {
    for (const shell of this.shells.values()) {
      if (shell.sid !== shell.vpid) continue;
      const name = wanted.get(shell.vpid);
      if (name !== undefined) takeTerminal(shell, name, this.terminals);
      else if (shell.terminal !== undefined) {
        giveUpTerminal(shell);
        for (const member of this.shells.values()) if (member.sid === shell.vpid) member.terminal = undefined;
      }
    }
  }

  /** Kills all shells and takes what is left of them; for the keeper's abort, which cannot reap what we trace. */
  destroy(): void {
    const all = [...this.shells.values()];
    for (const shell of all) killShell(shell);
    for (const shell of all) awaitShell(shell);
    this.shells.clear();
    this.close();
  }

  /** Descriptors of the agent; the shells have their own by then. */
  close(): void {
    this.terminals.close();
    this.files.close();
    this.objects.close();
    closeTreeRoot(this.#root?.fd);
    this.#root = undefined;
  }

  #followThreads({ pid, threads }: ProcessLayout): void {
    const shell = this.shell(pid);
    const wanted = new Set(threads);
    for (const vtid of [...shell.tids.keys()]) if (!wanted.has(vtid) && vtid !== pid) endThread(shell, vtid);
    const missing = threads.filter((vtid) => !shell.tids.has(vtid));
    if (missing.length > 0) bearThreads(shell, missing);
  }
}
