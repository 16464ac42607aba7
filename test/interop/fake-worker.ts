// A worker process whose session moves nothing: it answers as a target would. The first word of the migration id
// says how it misbehaves.
import { expander } from '../../src/kernel/page-codec.ts';
import { maxPagePayload } from '../../src/transport/limits.ts';
import { GodwitError } from '../../src/errors.ts';
import type { TargetContext } from '../../src/target/session.ts';
import { serveWorker } from '../../src/target/worker.ts';

/** Cheap stand-in for xxh3. */
const checksum = (payload: Uint8Array): bigint => BigInt(payload.length);

async function migrate(context: TargetContext): Promise<void> {
  const { control, signal, migrationId } = context;
  const [behaviour] = migrationId.split('-');
  const expand = expander(maxPagePayload);
  const patch = (): undefined => undefined;
  const pages = context.openPages({ checksum, expand, patch, handler: () => undefined });
  context.log('info', `pid ${process.pid} serves`);
  for (;;) {
    const message = await control.receive({ signal });
    switch (message.type) {
      case 'check':
        control.send({ type: 'checked', blockers: [] });
        break;
      case 'stage':
        if (behaviour === 'crash') process.kill(process.pid, 'SIGKILL');
        if (behaviour === 'bug') throw new TypeError('undefined is not a tree');
        if (behaviour === 'full')
          throw new GodwitError('NO_SPACE', 'no memory for pid 7', { hint: 'add swap' });
        if (behaviour === 'stuck') await hang(context);
        control.send({ type: 'staged', ms: 1 });
        break;
      case 'round-end':
        await pages.applied(message.lastSequence, signal);
        control.send({ type: 'round-acked', round: message.round, lastSequence: pages.lastApplied });
        break;
      case 'final':
        await pages.applied(message.lastSequence, signal);
        control.send({ type: 'prepared', times: { apply: 1 } });
        break;
      case 'commit':
        control.send({ type: 'running', times: { run: 1 }, ranMs: 0.1 });
        return;
      default:
        throw new GodwitError('INTERNAL', `no answer to ${message.type}`);
    }
  }
}

async function hang(context: TargetContext): Promise<void> {
  context.log('info', 'is stuck');
  await new Promise(() => setInterval(() => undefined, 1000));
}

async function resolve({ control, signal }: TargetContext): Promise<void> {
  await control.expect('resolve', { signal });
  control.send({ type: 'resolved', state: 'prepared' });
}

serveWorker({ migrate, resolve, 'post-copy': resolve }, { helloTimeoutMs: 700 });
