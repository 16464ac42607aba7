// `godwit receive`: the daemon on the target.
import type { CommandModule } from 'yargs';
import { GodwitError } from '../errors.ts';
import { enterUserNamespace } from '../kernel/user-namespace.ts';
import { readyLine, startDaemon } from '../target/daemon.ts';
import { keepThroughExec } from '../target/given-descriptors.ts';
import type { LogLevel } from '../target/session.ts';

interface ReceiveArguments {
  readonly listen: string;
  readonly plaintext: boolean;
  readonly 'inherit-fd': readonly number[];
  readonly json: boolean;
}

export const receiveCommand: CommandModule<object, ReceiveArguments> = {
  command: 'receive',
  describe: 'take trees that migrate sends, until it is stopped',
  builder: (yargs) =>
    yargs
      .option('listen', {
        type: 'string',
        demandOption: true,
        requiresArg: true,
        describe: '[address:]port to listen on; 127.0.0.1 by default',
      })
      .option('plaintext', {
        type: 'boolean',
        default: false,
        describe: 'allow other addresses than loopback although nothing is encrypted',
      })
      .option('inherit-fd', {
        type: 'number',
        array: true,
        requiresArg: true,
        default: [] as number[],
        describe: 'a descriptor that receive was started with, for trees whose migrate asks for it',
      })
      .option('json', { type: 'boolean', default: false, describe: 'log as JSON lines' }),
  handler: async (args) => {
    refuseMissing(args['inherit-fd']);
    enterUserNamespace();
    const log = args.json ? logJson : logText;
    const daemon = await startDaemon({
      listen: args.listen,
      plaintext: args.plaintext,
      given: args['inherit-fd'],
      log,
    });
    process.stdout.write(
      `${args.json ? JSON.stringify({ status: 'listening', ...daemon.endpoint }) : readyLine(daemon)}\n`,
    );
    await new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const)
        process.once(signal, () => {
          resolve();
        });
    });
    await daemon.stop();
  },
};

/** Preconditions: nothing has been opened yet that was not there from the start. @throws GodwitError USAGE */
function refuseMissing(fds: readonly number[]): void {
  for (const fd of fds) {
    if (Number.isInteger(fd) && fd >= 0 && keepThroughExec(fd)) continue;
    throw new GodwitError('USAGE', `--inherit-fd ${fd}: receive was not started with such a descriptor`, {
      hint: `give it one: receive ... --inherit-fd 3 3>>/var/log/program.log`,
    });
  }
}

function logText(level: LogLevel, text: string): void {
  const prefix = level === 'info' ? '' : `${level}: `;
  process.stderr.write(`${new Date().toISOString()} ${prefix}${text}\n`);
}

function logJson(level: LogLevel, text: string): void {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), level, text })}\n`);
}
