// `godwit resolve`: settles a migration that an agent's death or a broken link left open. The source's owner word says how it
// ends; the target is told. The keeper starts this by itself, so a person needs it only when the target was out of reach.
import type { CommandModule } from 'yargs';
import { exitCodes, GodwitError } from '../errors.ts';
import { settleMigration } from '../source/settle-migration.ts';

interface ResolveArguments {
  readonly id: string;
  readonly timeout: number;
  readonly json: boolean;
}

export const resolveCommand: CommandModule<object, ResolveArguments> = {
  command: 'resolve <id>',
  describe: 'settle a migration that was left in doubt',
  builder: (yargs) =>
    yargs
      .positional('id', { type: 'string', demandOption: true, describe: 'ID of the migration' })
      .option('timeout', { type: 'number', default: 30, describe: 'seconds to try to reach the target' })
      .option('json', { type: 'boolean', default: false, describe: 'answer as JSON' }),
  handler: async ({ id, timeout, json }) => {
    const { verdict, target } = await settleMigration(id, timeout * 1000);
    const isSettled = target !== 'unreachable' && !(verdict === 'commit' && target !== 'running');
    if (json) process.stdout.write(`${JSON.stringify({ id, verdict, target, settled: isSettled })}\n`);
    else process.stdout.write(`migration ${id}: ${verdict}; the target says: ${target}\n`);
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
    throw new GodwitError(
      'IN_DOUBT',
      `migration ${id} is committed, but the target does not say that the tree runs`,
      {
        hint: 'the tree stays frozen here; start godwit receive on the target and try again',
      },
    );
  },
};
