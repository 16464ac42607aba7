// Options of sockets of the agent: reading those that were changed, and setting them.
import { GodwitError } from '../errors.ts';
import { valuesToSet, valueToSend } from './interface-options.ts';
import { runLocal } from './local-program.ts';
import { PreparedProgram } from './prepared-program.ts';
import { errnoName, isError, Program, type Outcome } from './program.ts';
import { closeLocal, openSocket, type SocketFacts } from './socket-facts.ts';
import {
  optionLabel,
  optionRules,
  solIpv6,
  solSocket,
  soRcvbuf,
  soRcvbufForce,
  soSndbuf,
  soSndbufForce,
  type OptionRule,
  type OptionValue,
} from './socket-options.ts';
import { ask, type Question } from './socket-questions.ts';

const soBufLock = 72; // Linux 5.15
const ipv6Only = 26;
/** SOCK_SNDBUF_LOCK and SOCK_RCVBUF_LOCK: the buffer was set by the program, the kernel does not tune it. */
const bufferLocks = new Map([[soSndbuf, 1], [soRcvbuf, 2]]); // prettier-ignore

const enodev = 19;

interface OptionQuestions {
  readonly prepared: PreparedProgram;
  readonly questions: readonly { readonly rule: OptionRule; readonly question: Question }[];
  readonly lock: Question;
}

/** By domain and type. */
const optionQuestions = new Map<string, OptionQuestions>();
/** The answers of fresh sockets, by domain, type and protocol. */
const defaults = new Map<string, Outcome>();

/** The options of a socket that differ from those of a fresh one of the same kind. */
export function changedOptions(fd: number, facts: SocketFacts): OptionValue[] {
  const fresh = freshAnswers(facts);
  const { prepared, questions, lock } = questionsOf(facts);
  const answers = prepared.run(fd);
  const locks = answers.failed(lock.result) ? undefined : answers.u32(lock.value);
  const changed: OptionValue[] = [];
  for (const { rule, question } of questions) {
    if (answers.failed(question.result)) continue;
    const { level, option } = rule;
    const length = lengthOf(answers, rule, question);
    const bit = level === solSocket ? bufferLocks.get(option) : undefined;
    const isChanged =
      bit !== undefined && locks !== undefined
        ? (locks & bit) !== 0
        : // The default of IPV6_V6ONLY is a setting of the host.
          (level === solIpv6 && option === ipv6Only) ||
          length !== lengthOf(fresh, rule, question) ||
          !answers.isSame(question.value, fresh, length);
    if (!isChanged) continue;
    const read = { level, name: option, value: answers.bytes(question.value).slice(0, length) };
    changed.push({ ...read, value: valueToSend(fd, read) });
  }
  return changed;
}

function lengthOf(answers: Outcome, { length }: OptionRule, question: Question): number {
  return answers.failed(question.result) ? 0 : Math.min(length, answers.u32(question.length));
}

function questionsOf({ domain, type }: Pick<SocketFacts, 'domain' | 'type'>): OptionQuestions {
  const key = `${domain}:${type}`;
  const known = optionQuestions.get(key);
  if (known !== undefined) return known;
  const questions: { rule: OptionRule; question: Question }[] = [];
  let lock: Question | undefined;
  const prepared = new PreparedProgram((program, fd) => {
    for (const rule of optionRules(domain, type)) {
      questions.push({ rule, question: ask(program, fd, rule.level, rule.option, rule.length) });
    }
    lock = ask(program, fd, solSocket, soBufLock, 4);
  });
  if (lock === undefined) throw new GodwitError('INTERNAL', 'no questions');
  const made = { prepared, questions, lock };
  optionQuestions.set(key, made);
  return made;
}

function freshAnswers(facts: SocketFacts): Outcome {
  const key = `${facts.domain}:${facts.type}:${facts.protocol}`;
  const known = defaults.get(key);
  if (known !== undefined) return known;
  const fd = openSocket(facts.domain, facts.type, facts.protocol);
  try {
    const answers = questionsOf(facts).prepared.run(fd);
    defaults.set(key, answers);
    return answers;
  } finally {
    closeLocal(fd);
  }
}

/** Gives a socket its options. @throws GodwitError UNSUPPORTED naming those that this host refuses. */
export function setOptions(fd: number, options: readonly OptionValue[], object: string): void {
  if (options.length === 0) return;
  const program = new Program();
  const attempts = options.map((option) => {
    const { level, name, value } = option;
    const isBuffer = level === solSocket && bufferLocks.has(name);
    if (!isBuffer) {
      const results = valuesToSet(fd, option).map((here) =>
        program.attempt('setsockopt', fd, level, name, program.bytes(here), here.length),
      );
      return { level, name, results };
    }
    // The kernel doubles what it is given. The forced form exceeds net.core.[rw]mem_max and wants CAP_NET_ADMIN.
    const half = new DataView(value.buffer, value.byteOffset).getUint32(0, true) >>> 1;
    const data = program.bytes(new Uint8Array(Uint32Array.of(half).buffer));
    const result = program.attempt('setsockopt', fd, level, name, data, 4);
    program.attempt('setsockopt', fd, level, name === soSndbuf ? soSndbufForce : soRcvbufForce, data, 4);
    return { level, name, results: [result] };
  });
  const outcome = runLocal(program);
  const list = attempts.flatMap(({ level, name, results }) => {
    const codes = results.map((result) => outcome.result(result));
    if (codes.some((code) => !isError(code))) return [];
    return [`${optionLabel(level, name)} (${errnoName(codes.at(-1) ?? -enodev)})`];
  });
  if (list.length === 0) return;
  throw new GodwitError('UNSUPPORTED', `${object}: this host refuses ${list.join(', ')}`, {
    hint: 'load what is missing (a congestion control module, a network device), or run the agent as root',
  });
}
