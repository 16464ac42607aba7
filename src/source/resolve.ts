// Tells the target how a migration ends, on connections of their own, until it answers or time is up: the keeper starts this
// when the agent died, the agent when the link broke after COMMIT, a person by `godwit resolve`.
import { setTimeout as sleep } from 'node:timers/promises';
import { release } from 'node:os';
import { GodwitError } from '../errors.ts';
import { bootId } from '../kernel/boot-id.ts';
import { connectControl } from '../transport/connect.ts';
import type { Endpoint } from '../transport/endpoint.ts';
import { greet } from '../transport/handshake.ts';
import { peerOrigin } from '../transport/problem.ts';
import type { SessionSecurity } from '../transport/security.ts';

export interface Settlement {
  readonly id: string;
  readonly endpoint: Endpoint;
  readonly security: SessionSecurity;
  readonly verdict: 'commit' | 'abort';
  /** Milliseconds after which it gives up. */
  readonly forMs: number;
}

/** 'post-copy': it runs, and misses memory. 'unknown': the target has nothing of this migration. 'unreachable': it did not answer in time. */
export type Settled = 'running' | 'post-copy' | 'prepared' | 'aborted' | 'unknown' | 'unreachable';

export async function settle(settlement: Settlement): Promise<Settled> {
  const until = performance.now() + settlement.forMs;
  for (let pauseMs = 50; ; pauseMs = Math.min(1000, pauseMs * 2)) {
    try {
      return await ask(settlement);
    } catch (error) {
      if (isUnknown(error)) return 'unknown';
      if (performance.now() + pauseMs > until) {
        if (process.env['GODWIT_DEBUG'] !== undefined) throw error;
        return 'unreachable';
      }
    }
    await sleep(pauseMs);
  }
}

async function ask({ id, endpoint, security, verdict }: Settlement): Promise<Settled> {
  const control = await connectControl(endpoint, id, { security, purpose: 'resolve', timeoutMs: 5000 });
  try {
    const host = { bootId: bootId(), kernel: { release: release(), machine: 'x86_64' } };
    const plaintext = security.kind === 'plaintext';
    await greet(control, { ...host, migrationId: id, purpose: 'resolve', plaintext });
    control.send({ type: 'resolve', migrationId: id, verdict });
    const { state } = await control.expect('resolved', { timeoutMs: 10_000 });
    return state;
  } finally {
    await control.close();
  }
}

/** The front door says so, where a target lets nobody in for what it does not know. */
function isUnknown(error: unknown): boolean {
  return error instanceof GodwitError && error.code === 'NO_PROCESS' && peerOrigin(error)?.how === 'refused';
}
