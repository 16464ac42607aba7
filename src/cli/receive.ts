// `godwit receive`: the daemon on the target.
import type { CommandModule } from 'yargs';
import { enterUserNamespace } from '../kernel/user-namespace.ts';
import { readyLine, startDaemon } from '../target/daemon.ts';
import type { LogLevel } from '../target/session.ts';

interface ReceiveArguments {
  readonly listen: string;
  readonly plaintext: boolean;
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
      .option('json', { type: 'boolean', default: false, describe: 'log as JSON lines' }),
  handler: async (args) => {
    enterUserNamespace();
    const log = args.json ? logJson : logText;
    const daemon = await startDaemon({ listen: args.listen, plaintext: args.plaintext, log });
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

function logText(level: LogLevel, text: string): void {
  const prefix = level === 'info' ? '' : `${level}: `;
  process.stderr.write(`${new Date().toISOString()} ${prefix}${text}\n`);
}

function logJson(level: LogLevel, text: string): void {
  process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), level, text })}\n`);
}
