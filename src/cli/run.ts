// The command line: one verb a file. Errors become a sentence, a hint, and an exit code that scripts may trust.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import yargs, { type Argv, type CommandModule } from 'yargs';
import { asGodwitError, exitCodeOf, exitCodes, GodwitError } from '../errors.ts';
import { packageRoot } from '../native.ts';
import { cancelCommand } from './cancel.ts';
import { checkCommand } from './check.ts';
import { estimateCommand } from './estimate.ts';
import { migrateCommand } from './migrate.ts';
import { receiveCommand } from './receive.ts';
import { resolveCommand } from './resolve.ts';
import { statusCommand } from './status.ts';
import { printError } from './terminal.ts';

function version(): string {
  const manifest = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string };
  return manifest.version;
}

type Work = () => void | Promise<void>;

/** The command, but told to `later` instead of run: for a handler that returns a promise yargs formats the whole help first. */
function deferred<T>(
  command: CommandModule<object, T>,
  later: (work: Work) => void,
): CommandModule<object, T> {
  return {
    ...command,
    handler: (args) => {
      later(() => command.handler(args));
    },
  };
}

function parser(args: readonly string[], later: (work: Work) => void): Argv {
  return yargs([...args])
    .scriptName('godwit')
    .usage('$0 <command>\n\nMoves a running process tree to another host without stopping its work.')
    .command(deferred(migrateCommand, later))
    .command(deferred(receiveCommand, later))
    .command(deferred(checkCommand, later))
    .command(deferred(estimateCommand, later))
    .command(deferred(resolveCommand, later))
    .command(deferred(cancelCommand, later))
    .command(deferred(statusCommand, later))
    .demandCommand(1, 'Which command? One of: migrate, receive, check, estimate, resolve, cancel, status.')
    .strict()
    .version(version())
    .epilogue(
      'Exit codes: 0 moved (or done), 1 failed and the source still runs, 2 usage, 3 refused by the check, 4 in doubt.',
    )
    .wrap(Math.min(110, process.stdout.columns || 110))
    .exitProcess(false)
    .fail((message, error) => {
      throw error instanceof GodwitError
        ? error
        : new GodwitError('USAGE', message || String(error), { cause: error });
    });
}

/** Runs one command line and returns the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    process.exitCode = exitCodes.moved;
    let work: Work | undefined;
    await parser(args, (given) => (work = given)).parseAsync();
    await work?.();
    return process.exitCode;
  } catch (thrown) {
    const error = asGodwitError(thrown);
    printError(error, args.includes('--json'));
    return exitCodeOf(error);
  }
}
