// `godwit resolve`: settles a migration that an agent's death or a broken link left open. The source's owner word says how it
// ends; the target is told. The keeper starts this by itself, so a person needs it only when the target was out of reach, or when there
// is something to decide that nobody can know (docs/ownership.md).
import { existsSync } from 'node:fs';
import type { CommandModule } from 'yargs';
import { exitCodes, GodwitError } from '../errors.ts';
import { forbidCoreDumps } from '../kernel/no-core-dumps.ts';
import { migrationDir } from '../kernel/run-dir.ts';
import { settleMigration } from '../source/settle-migration.ts';
import { takeBackCommitted } from '../source/take-back-committed.ts';
import { decideHere } from '../target/decide.ts';
import { doubtsHere, doubtTable } from './doubts.ts';

interface ResolveArguments {
  readonly id: string | undefined;
  readonly commit: boolean;
  readonly abort: boolean;
  readonly 'source-lost': boolean;
  readonly timeout: number;
  readonly json: boolean;
}

export const resolveCommand: CommandModule<object, ResolveArguments> = {
  command: 'resolve [id]',
  describe: 'settle a migration that was left in doubt; without an ID: which there are',
  builder: (yargs) =>
    yargs
      .positional('id', { type: 'string', describe: 'ID of the migration' })
      .option('commit', {
        type: 'boolean',
        default: false,
        describe: 'on a target whose source is lost: let the tree run. On a source: as without it',
      })
      .option('abort', {
        type: 'boolean',
        default: false,
        describe:
          'on a source: take the tree back, if nothing of it is left on the target. On a target: throw its copy away',
      })
      .option('source-lost', {
        type: 'boolean',
        default: false,
        describe: "you know that the source's copy is gone: its host was started anew, or never comes back",
      })
      .option('timeout', { type: 'number', default: 30, describe: 'seconds to try to reach the target' })
      .option('json', { type: 'boolean', default: false, describe: 'answer as JSON' }),
  handler: async ({ id, timeout, json, commit, abort, 'source-lost': isSourceLost }) => {
    if (commit && abort) throw new GodwitError('USAGE', '--commit and --abort exclude each other');
    forbidCoreDumps();
    if (id === undefined) {
      if (commit || abort) throw new GodwitError('USAGE', 'which migration? "godwit resolve" lists them');
      await list(json);
    } else if (isHere(id, 'source')) {
      if (abort) await takeBack(id, timeout * 1000, json);
      else await ask(id, timeout * 1000, json);
    } else if (isHere(id, 'target')) {
      if (!commit && !abort) throw onItsSource(id);
      const state = await decideHere(id, { verdict: commit ? 'commit' : 'abort', isSourceLost });
      print(
        json,
        { id, state, settled: true },
        state === 'running' ? 'its tree runs here' : 'nothing of it is left here',
      );
    } else {
      throw new GodwitError('USAGE', `there is no migration ${id} on this host`, {
        hint: '"godwit resolve" lists those in doubt, "godwit status" all that go on',
      });
    }
  },
};

function isHere(id: string, role: 'source' | 'target'): boolean {
  return existsSync(migrationDir(id, role));
}

async function list(json: boolean): Promise<void> {
  const doubts = await doubtsHere();
  if (json) process.stdout.write(`${JSON.stringify({ doubts })}\n`);
  else process.stdout.write(doubts.length === 0 ? 'Nothing is in doubt here.\n' : `${doubtTable(doubts)}\n`);
}

async function takeBack(id: string, forMs: number, json: boolean): Promise<void> {
  const had = await takeBackCommitted(id, forMs);
  const there =
    had === 'prepared'
      ? 'the copy that stood on the target has been thrown away, and never ran'
      : 'nothing of it is on the target: its host was started anew, or the tree has run there and ended; files and peers may know more than it does';
  print(json, { id, verdict: 'abort', target: had, settled: true }, `the tree runs here again; ${there}`);
}

async function ask(id: string, forMs: number, json: boolean): Promise<void> {
  const { verdict, target } = await settleMigration(id, forMs);
  const isSettled = target !== 'unreachable' && !(verdict === 'commit' && target !== 'running');
  print(json, { id, verdict, target, settled: isSettled }, `${verdict}; the target says: ${target}`);
  if (isSettled) return;
  if (verdict === 'abort') {
    process.exitCode = exitCodes.failed;
    return;
  }
  if (target === 'post-copy') {
    throw new GodwitError(
      'IN_DOUBT',
      `migration ${id}: the tree runs on the target, and memory that it waits for is here`,
      {
        hint: 'keep this host as it is: the tree goes on when the target can be reached again',
      },
    );
  }
  const isGone = target === 'unknown' || target === 'aborted';
  throw new GodwitError(
    'IN_DOUBT',
    `migration ${id} is committed, but the target does not say that the tree runs`,
    {
      hint: isGone
        ? `it has nothing of it: "godwit resolve ${id} --abort" lets the tree run here again`
        : 'the tree stays frozen here; start godwit receive on the target and try again',
    },
  );
}

function onItsSource(id: string): GodwitError {
  return new GodwitError('USAGE', `migration ${id} is settled on its source: "godwit resolve ${id}" there`, {
    hint: 'if that is lost: --commit --source-lost lets the tree run here, --abort throws it away',
  });
}

function print(json: boolean, record: Readonly<Record<string, unknown>>, text: string): void {
  process.stdout.write(json ? `${JSON.stringify(record)}\n` : `migration ${String(record['id'])}: ${text}\n`);
}
