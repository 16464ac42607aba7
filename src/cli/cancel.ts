// `godwit cancel ID`: ends a migration that is under way, on either of its hosts, in any phase before COMMIT. Its agent is told, as by
// Ctrl-C, and takes everything back; this waits until it has.
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CommandModule } from 'yargs';
import { GodwitError } from '../errors.ts';
import { livingAgent } from '../kernel/agent-record.ts';
import { readJournal } from '../kernel/journal.ts';
import { OwnerWord, type OwnerState } from '../kernel/owner-word.ts';
import { migrationDir, roles, type Role } from '../kernel/run-dir.ts';

interface CancelArguments {
  readonly id: string;
  readonly timeout: number;
  readonly json: boolean;
}

/** After these nothing leads back: the tree belongs to the target, or may. */
const tooLate: ReadonlySet<OwnerState> = new Set(['COMMITTED', 'PREPARED', 'RUNNING']);
const lookEveryMs = 20;

export const cancelCommand: CommandModule<object, CancelArguments> = {
  command: 'cancel <id>',
  describe: 'end a migration that is under way; its tree goes on at the source',
  builder: (yargs) =>
    yargs
      .positional('id', {
        type: 'string',
        demandOption: true,
        describe: 'ID of the migration (godwit status)',
      })
      .option('timeout', { type: 'number', default: 30, describe: 'seconds to wait until all is as before' })
      .option('json', { type: 'boolean', default: false, describe: 'answer as JSON' }),
  handler: async ({ id, timeout, json }) => {
    const role = roles.find((one) => existsSync(migrationDir(id, one)));
    if (role === undefined)
      throw new GodwitError('USAGE', `there is no migration ${id} on this host`, {
        hint: '"godwit status" lists them',
      });
    await cancel(id, role, timeout * 1000);
    process.stdout.write(
      json
        ? `${JSON.stringify({ id, cancelled: true })}\n`
        : `migration ${id}: cancelled; the tree goes on at the source\n`,
    );
  },
};

async function cancel(id: string, role: Role, forMs: number): Promise<void> {
  const dir = migrationDir(id, role);
  refuseLate(id, stateOf(dir, role));
  const agent = livingAgent(readJournal(dir));
  if (agent !== undefined) signal(agent, role === 'source' ? 'SIGINT' : 'SIGTERM');
  // Without an agent the keeper is taking it back already.
  const until = performance.now() + forMs;
  while (existsSync(dir)) {
    const state = stateOf(dir, role);
    refuseLate(id, state);
    if (performance.now() > until) {
      throw new GodwitError(
        'TIMEOUT',
        `migration ${id} has not ended within ${forMs / 1000} s: it is ${state ?? 'ending'}`,
        {
          hint: 'it was told to; "godwit status" says when it is gone',
        },
      );
    }
    await sleep(lookEveryMs);
  }
}

/** undefined: it has just gone. */
function stateOf(dir: string, role: Role): OwnerState | undefined {
  try {
    using word = OwnerWord.open(dir, role);
    return word.state;
  } catch {
    return undefined;
  }
}

function refuseLate(id: string, state: OwnerState | undefined): void {
  if (state === undefined || !tooLate.has(state)) return;
  throw new GodwitError('REFUSED', `migration ${id} cannot be cancelled any more: it is ${state}`, {
    hint: `"godwit resolve ${id}" says how it ends`,
  });
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return; // it has just ended
    throw new GodwitError('NO_RIGHTS', `process ${pid} cannot be told: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
