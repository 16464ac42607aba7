// A source at a target that encrypts, step by step.
import type { Test } from 'tap';
import type { GodwitError } from '../../src/errors.ts';
import { connectControl } from '../../src/transport/connect.ts';
import type { ControlConnection } from '../../src/transport/control-connection.ts';
import type { Endpoint } from '../../src/transport/endpoint.ts';
import { greet } from '../../src/transport/handshake.ts';
import type { Hello } from '../../src/transport/messages.ts';
import type { Security } from '../../src/transport/security.ts';
import { identity, stage } from '../unit/transport/samples.ts';
import { patience } from './daemon-bed.ts';
import type { KeyedBed } from './secure-bed.ts';

export const keyOf = (bed: KeyedBed, n = 0): Security => ({
  kind: 'key',
  ...(bed.keys[n] ?? { pin: Buffer.alloc(32), secret: Buffer.alloc(32) }),
});

export async function enter(
  t: Test,
  endpoint: Endpoint,
  migrationId: string,
  security: Security,
  purpose: Hello['purpose'] = 'migrate',
): Promise<ControlConnection<'source'>> {
  const control = await connectControl(endpoint, migrationId, { security, purpose, ...patience });
  t.teardown(() => {
    control.terminate();
  });
  await greet(
    control,
    { ...identity, migrationId, purpose, plaintext: security.kind === 'plaintext' },
    patience,
  );
  return control;
}

/** To the end of a migration whose tree belongs to the target. */
export async function land(
  t: Test,
  endpoint: Endpoint,
  id: string,
  security: Security,
): Promise<ControlConnection<'source'>> {
  const control = await enter(t, endpoint, id, security);
  control.send(stage);
  await control.expect('staged', patience);
  return control;
}

export async function refused(t: Test, what: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const error = await what.then(
    () => undefined,
    (thrown: unknown) => thrown as GodwitError,
  );
  t.match(error, { code, message }, String(message));
}
