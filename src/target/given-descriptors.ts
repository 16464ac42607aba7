// Descriptors that receive was started with and that trees may take (receive --inherit-fd N, migrate --inherit-fd fd[N]:RES). A worker gets
// them behind its channel to the daemon, in the order of its arguments: "--given=3,7" says that its 4 is the daemon's 3, its 5 the 7.
import { constants } from 'node:fs';
import { runLocal } from '../kernel/local-program.ts';
import { isError, Program } from '../kernel/program.ts';

const firstGiven = 4;
const argument = '--given=';
const setDescriptorFlags = 2;
const getFlags = 3;
const closeOnExec = 1;
const accessMode = 3;

/** How the daemon starts a worker that has them. */
export function givingArguments(numbers: readonly number[]): string[] {
  return numbers.length === 0 ? [] : [`${argument}${numbers.join(',')}`];
}

let known: ReadonlyMap<number, number> | undefined;

/** In a worker: its own descriptors, by the numbers that the daemon knows them by. */
export function givenDescriptors(): ReadonlyMap<number, number> {
  known ??= readArguments(process.argv);
  return known;
}

function readArguments(argv: readonly string[]): ReadonlyMap<number, number> {
  const text = argv.find((arg) => arg.startsWith(argument))?.slice(argument.length) ?? '';
  const numbers = text === '' ? [] : text.split(',').map(Number);
  return new Map(numbers.map((number, index) => [number, firstGiven + index]));
}

/** They are the tree's, not those of whom the worker starts. */
export function keepToOneself(): void {
  for (const fd of givenDescriptors().values()) setFlags(fd, closeOnExec);
}

/** Node closes what it was started with when it becomes another program. @returns false: no such descriptor is open. */
export function keepThroughExec(fd: number): boolean {
  return setFlags(fd, 0);
}

function setFlags(fd: number, flags: number): boolean {
  const program = new Program();
  const result = program.attempt('fcntl', fd, setDescriptorFlags, flags);
  return !isError(runLocal(program).result(result));
}

/** Why a given descriptor cannot do what the tree does with its own; undefined: it can. */
export function whyNotUsable(fd: number, access: 'read' | 'write' | 'both'): string | undefined {
  const program = new Program();
  const result = program.attempt('fcntl', fd, getFlags, 0);
  const flags = runLocal(program).number(result);
  if (flags < 0) return 'it is not open any more';
  const mode = flags & accessMode;
  if (access !== 'write' && mode === constants.O_WRONLY)
    return 'it is open to write only, and the tree reads it';
  if (access !== 'read' && mode === constants.O_RDONLY)
    return 'it is open to read only, and the tree writes it';
  return undefined;
}
