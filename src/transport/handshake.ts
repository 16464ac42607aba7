// The greeting on a fresh control connection: hello, then welcome or refused.
import { GodwitError } from '../errors.ts';
import type { ControlConnection } from './control-connection.ts';
import type { ReceiveOptions } from './inbox.ts';
import { handshakeTimeoutMs, protocolMagic, protocolVersion } from './limits.ts';
import type { Hello, Welcome } from './messages.ts';

/** Who speaks, as hello and welcome carry it. */
export type HostIdentity = Pick<Hello, 'bootId' | 'kernel'>;

/** @throws GodwitError VERSION, PEER, PROTOCOL, or why the target refused. */
export async function greet(
  control: ControlConnection<'source'>,
  introduction: Omit<Hello, 'type' | 'magic' | 'version'>,
  options: ReceiveOptions = {},
): Promise<Welcome> {
  control.send({ type: 'hello', magic: protocolMagic, version: protocolVersion, ...introduction });
  const welcome = await control.expect('welcome', { timeoutMs: handshakeTimeoutMs, ...options });
  if (welcome.migrationId !== introduction.migrationId) {
    throw new GodwitError(
      'PROTOCOL',
      `the target answered for migration ${welcome.migrationId}, not ${introduction.migrationId}`,
    );
  }
  return welcome;
}

/**
 * @param migrationId what the connection was opened for
 * @throws GodwitError VERSION, PEER, PROTOCOL; give it to control.fail, which tells the source.
 */
export async function acceptGreeting(
  control: ControlConnection<'target'>,
  migrationId: string,
  identity: HostIdentity,
  options: ReceiveOptions = {},
): Promise<Hello> {
  const hello = await control.expect('hello', { timeoutMs: handshakeTimeoutMs, ...options });
  if (hello.migrationId !== migrationId) {
    throw new GodwitError(
      'PROTOCOL',
      `the source said hello for migration ${hello.migrationId} on a connection of ${migrationId}`,
    );
  }
  control.send({ type: 'welcome', version: protocolVersion, migrationId, ...identity });
  return hello;
}
