// Which process works on a migration: journals say so, with its start time, so that another process that got its PID is not taken for it.
import type { JournalRecord } from './journal.ts';
import { readStat } from './proc/stat.ts';

export interface AgentRecord {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat. */
  readonly startTime: number;
}

/** For the journal. */
export function thisAgent(): AgentRecord {
  return { pid: process.pid, startTime: readStat(process.pid)?.startTime ?? 0 };
}

/** undefined: it has ended. */
export function livingAgent(records: readonly JournalRecord[]): number | undefined {
  const agent = records.findLast((record) => record['agent'] !== undefined)?.['agent'] as
    Partial<AgentRecord> | undefined;
  if (agent?.pid === undefined || readStat(agent.pid)?.startTime !== agent.startTime) return undefined;
  return agent.pid;
}
