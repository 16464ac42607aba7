// A daemon on an ephemeral loopback port with fake workers, its log, and a source that speaks to it.
import type { Test } from 'tap';
import { startDaemon } from '../../src/target/daemon.ts';
import type { Daemon, DaemonOptions } from '../../src/target/daemon.ts';
import { connectControl, connectPages } from '../../src/transport/connect.ts';
import type { ControlConnection } from '../../src/transport/control-connection.ts';
import type { Endpoint } from '../../src/transport/endpoint.ts';
import { plaintext } from '../../src/transport/security.ts';
import { greet } from '../../src/transport/handshake.ts';
import type { PageSenderOptions } from '../../src/transport/page-sender-options.ts';
import type { PageSender } from '../../src/transport/page-sender.ts';
import { identity } from '../unit/transport/samples.ts';

export interface Bed {
  readonly daemon: Daemon;
  readonly endpoint: Endpoint;
  readonly log: string[];
  /** Waits for a line of the log. */
  logged(pattern: RegExp): Promise<string>;
}

export const checksum = (payload: Uint8Array): bigint => BigInt(payload.length);

export async function startBed(t: Test, options: Partial<DaemonOptions> = {}): Promise<Bed> {
  const log: string[] = [];
  const watchers = new Set<() => void>();
  const daemon = await startDaemon({
    listen: '0',
    security: plaintext,
    log: (level, text) => {
      log.push(`${level}: ${text}`);
      for (const watcher of watchers) watcher();
    },
    workerModule: new URL('./fake-worker.ts', import.meta.url),
    workerExecArgv: ['--import', import.meta.resolve('tsx')], // starts ten times as fast as under tap's loaders
    ...options,
  });
  t.teardown(async () => daemon.stop());
  const logged = async (pattern: RegExp): Promise<string> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`nothing in the log matches ${String(pattern)}:\n${log.join('\n')}`));
      }, 60_000);
      const look = (): void => {
        const line = log.find((text) => pattern.test(text));
        if (line === undefined) return;
        clearTimeout(timer);
        watchers.delete(look);
        resolve(line);
      };
      watchers.add(look);
      look();
    });
  return { daemon, endpoint: daemon.endpoint, log, logged };
}

/** Workers start slowly when tests of other folders run beside. */
export const patience = { timeoutMs: 60_000 };

export interface Migration {
  readonly control: ControlConnection<'source'>;
  readonly pages: PageSender;
}

/** A source that has been welcomed and has a page connection. */
export async function begin(
  t: Test,
  { endpoint }: Bed,
  migrationId: string,
  options: Pick<PageSenderOptions, 'compression'> = {},
): Promise<Migration> {
  const control = await connectControl(endpoint, migrationId, { security: plaintext, ...patience });
  t.teardown(() => {
    control.terminate();
  });
  await greet(control, { ...identity, migrationId, purpose: 'migrate', plaintext: false }, patience);
  const pages = await connectPages(endpoint, migrationId, {
    passage: undefined,
    checksum,
    ...patience,
    ...options,
  });
  t.teardown(() => {
    pages.terminate();
  });
  return { control, pages };
}
