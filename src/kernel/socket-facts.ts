// What a socket of the agent (often a copy that was taken from a process) says about itself, and setting it up.
// Descriptors are the agent's own.
import { GodwitError } from '../errors.ts';
import { runLocal } from './local-program.ts';
import { PreparedProgram } from './prepared-program.ts';
import { errnoName, isError, Program } from './program.ts';
import { ask, type Question } from './socket-questions.ts';
import { solSocket, solTcp } from './socket-options.ts';

const soType = 3;
const soAcceptConn = 30;
const soProtocol = 38;
const soDomain = 39;
const soGetFilter = 26;
const soMeminfo = 55;
const tcpInfo = 11;
const tcpUlp = 31; // Linux 4.13
const siocInq = 0x541b;

export interface SocketFacts {
  readonly domain: number;
  readonly type: number;
  readonly protocol: number;
  readonly listening: boolean;
  /** struct sockaddr as long as the kernel said. */
  readonly local: Uint8Array<ArrayBuffer>;
  /** Absent when not connected. */
  readonly remote: Uint8Array<ArrayBuffer> | undefined;
  /** TCP_INFO; of a listener `pending` and `backlog` are its queue of connections. */
  readonly tcp: { readonly state: number; readonly pending: number; readonly backlog: number } | undefined;
  /** A socket filter is attached (SO_ATTACH_FILTER, SO_ATTACH_BPF). */
  readonly filtered: boolean;
  /** Bytes of memory that data waiting to be read takes (SO_MEMINFO). */
  readonly queued: number;
}

interface FactQuestions {
  readonly prepared: PreparedProgram;
  readonly numbers: readonly Question[];
  readonly filter: Question;
  readonly memory: Question;
  readonly info: Question;
  readonly names: readonly Question[];
}

let factQuestions: FactQuestions | undefined;

function prepareFacts(): FactQuestions {
  let questions: Omit<FactQuestions, 'prepared'> | undefined;
  const prepared = new PreparedProgram((program, fd) => {
    questions = {
      numbers: [soDomain, soType, soProtocol, soAcceptConn].map((option) =>
        ask(program, fd, solSocket, option, 4),
      ),
      filter: ask(program, fd, solSocket, soGetFilter, 0),
      memory: ask(program, fd, solSocket, soMeminfo, 36),
      info: ask(program, fd, solTcp, tcpInfo, 104),
      names: (['getsockname', 'getpeername'] as const).map((name) => {
        const value = program.room(128);
        const length = program.bytes(new Uint8Array(Uint32Array.of(128).buffer));
        return { value, length, result: program.attempt(name, fd, value, length) };
      }),
    };
  });
  if (questions === undefined) throw new GodwitError('INTERNAL', 'no questions');
  return { prepared, ...questions };
}

export function socketFacts(fd: number): SocketFacts {
  factQuestions ??= prepareFacts();
  const { prepared, numbers, filter, memory, info, names } = factQuestions;
  const outcome = prepared.run(fd);
  const read = (question: Question | undefined): number =>
    question === undefined || isError(outcome.result(question.result))
      ? 0
      : outcome.view(question.value).getUint32(0, true);
  const [local, remote] = names.map(({ value, length, result }) =>
    isError(outcome.result(result))
      ? undefined
      : outcome.bytes(value).slice(0, Math.min(128, outcome.view(length).getUint32(0, true))),
  );
  const isTcp = !isError(outcome.result(info.result)) && outcome.view(info.length).getUint32(0, true) >= 36;
  const view = outcome.view(info.value);
  return {
    domain: read(numbers[0]),
    type: read(numbers[1]),
    protocol: read(numbers[2]),
    listening: read(numbers[3]) !== 0,
    local: local ?? new Uint8Array(),
    remote,
    // struct tcp_info: tcpi_state at 0, tcpi_unacked at 24, tcpi_sacked at 28.
    tcp: isTcp
      ? { state: view.getUint8(0), pending: view.getUint32(24, true), backlog: view.getUint32(28, true) }
      : undefined,
    filtered: isError(outcome.result(filter.result))
      ? errnoName(outcome.result(filter.result)) === 'EACCES' // one of eBPF (SO_ATTACH_BPF)
      : outcome.view(filter.length).getUint32(0, true) > 0,
    queued: read(memory),
  };
}

/** Bytes that wait to be read (SIOCINQ). */
export function waitingBytes(fd: number): number {
  const program = new Program();
  const bytes = program.room(4);
  const result = program.attempt('ioctl', fd, siocInq, bytes);
  const outcome = runLocal(program);
  return isError(outcome.result(result)) ? 0 : outcome.view(bytes).getUint32(0, true);
}

/** What works between a TCP socket and its program (TCP_ULP): "tls", or "" for nothing. */
export function upperProtocol(fd: number): string {
  const program = new Program();
  const { result, value, length } = ask(program, fd, solTcp, tcpUlp, 16);
  const outcome = runLocal(program);
  if (isError(outcome.result(result))) return '';
  const name = outcome.bytes(value).subarray(0, outcome.view(length).getUint32(0, true));
  return Buffer.from(name).toString('latin1').replace(/\0.*$/s, '');
}

/** socket(2) with SOCK_CLOEXEC. @throws GodwitError REMOTE_CALL */
export function openSocket(domain: number, type: number, protocol: number): number {
  const sockCloexec = 0o2000000;
  const program = new Program();
  const socket = program.call('socket', domain, type | sockCloexec, protocol);
  return runLocal(program).number(socket);
}

export function closeLocal(...fds: readonly number[]): void {
  const program = new Program();
  for (const fd of fds) program.attempt('close', fd);
  runLocal(program);
}
