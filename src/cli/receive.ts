// `godwit receive`: the daemon on the target.
import { hostname } from 'node:os';
import type { CommandModule } from 'yargs';
import { GodwitError } from '../errors.ts';
import type { Allowed } from '../target/security/allowed.ts';
import { forbidCoreDumps } from '../kernel/no-core-dumps.ts';
import { enterUserNamespace } from '../kernel/user-namespace.ts';
import { formatEndpoint } from '../transport/endpoint.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import { readyLine, startDaemon } from '../target/daemon.ts';
import { keepThroughExec } from '../target/given-descriptors.ts';
import type { LogLevel } from '../target/session.ts';
import { allowedOptions, parseAllowedUsers, type AllowedArguments } from './allowed-users.ts';
import {
  parseTargetSecurity,
  targetSecurityOptions,
  type TargetSecurityArguments,
} from './target-security.ts';

interface ReceiveArguments extends TargetSecurityArguments, AllowedArguments {
  readonly listen: string;
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
      .options(targetSecurityOptions)
      .options(allowedOptions)
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
    forbidCoreDumps();
    const log = args.json ? logJson : logText;
    const keys = new KeyLines(args.json);
    const daemon = await startDaemon({
      listen: args.listen,
      security: parseTargetSecurity(args, (key) => {
        keys.made(key);
      }),
      allowed: takenUsers(args, log),
      given: args['inherit-fd'],
      log,
    });
    process.stdout.write(
      `${args.json ? JSON.stringify({ status: 'listening', ...daemon.endpoint }) : readyLine(daemon)}\n`,
    );
    keys.listening(daemon.endpoint);
    await new Promise<void>((resolve) => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const)
        process.once(signal, () => {
          resolve();
        });
    });
    await daemon.stop();
  },
};

function takenUsers(args: AllowedArguments, log: typeof logText): Allowed {
  const taken = parseAllowedUsers(args);
  if (!taken.root && taken.users.length === 0)
    log(
      'warning',
      "whose trees may come? Root's only with --allow-root, those of others with --allow-user NAME",
    );
  return taken;
}

/** What the operator pastes on the source: a line for each key, from the moment on when it is good for something. */
class KeyLines {
  readonly #json: boolean;
  #endpoint: Endpoint | undefined;
  #key: string | undefined;

  constructor(json: boolean) {
    this.#json = json;
  }

  made(key: string): void {
    this.#key = key;
    this.#print();
  }

  listening(endpoint: Endpoint): void {
    this.#endpoint = endpoint;
    this.#print();
  }

  #print(): void {
    if (this.#endpoint === undefined || this.#key === undefined) return;
    const to = formatEndpoint(reachable(this.#endpoint));
    const line = this.#json
      ? JSON.stringify({ status: 'key', to, key: this.#key })
      : `on the source: godwit migrate --pid PID --to ${to} --key ${this.#key}`;
    process.stdout.write(`${line}\n`);
  }
}

/** All addresses are none to connect to: this host's name is more likely to be one. */
function reachable({ address, port }: Endpoint): Pick<Endpoint, 'address' | 'port'> {
  return address === '0.0.0.0' || address === '::' ? { address: hostname(), port } : { address, port };
}

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
