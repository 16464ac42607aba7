// Where `receive` listens: parsing of --listen, and the sentences for what goes wrong.
import type { Server } from 'node:net';
import { GodwitError } from '../errors.ts';
import { formatEndpoint, isLoopback, parseEndpoint, resolveEndpoint } from '../transport/endpoint.ts';
import type { Endpoint } from '../transport/endpoint.ts';

const defaultHost = '127.0.0.1';

/** @throws GodwitError USAGE, PEER (unknown name) */
export async function resolveListen(text: string): Promise<Endpoint> {
  return resolveEndpoint(parseEndpoint(text, '--listen', defaultHost), '--listen');
}

/** What the operator should know; undefined: nothing. */
export function plaintextWarning(endpoint: Endpoint): string | undefined {
  if (isLoopback(endpoint.address)) return undefined;
  return (
    `the connection is not encrypted: everyone on the way to ${formatEndpoint(endpoint)} can read the memory of the ` +
    'trees that arrive, and whoever can connect can start processes on this host'
  );
}

/** Binds; returns the address with the port that was chosen for port 0. @throws GodwitError USAGE, NO_RIGHTS, SYSCALL */
export async function listen(server: Server, endpoint: Endpoint): Promise<Endpoint> {
  await new Promise<void>((resolve, reject) => {
    const onError = (error: NodeJS.ErrnoException): void => {
      reject(listenProblem(endpoint, error));
    };
    server.once('error', onError);
    server.listen({ host: endpoint.address, port: endpoint.port }, () => {
      server.removeListener('error', onError);
      resolve();
    });
  });
  const bound = server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : endpoint.port;
  return { ...endpoint, port };
}

function listenProblem(endpoint: Endpoint, error: NodeJS.ErrnoException): GodwitError {
  const where = formatEndpoint(endpoint);
  switch (error.code) {
    case 'EADDRINUSE':
      return new GodwitError('USAGE', `cannot listen on ${where}: the port is in use`, {
        hint: `another receive may be running; "ss -ltnp 'sport = :${endpoint.port}'" shows who has it`,
        cause: error,
      });
    case 'EADDRNOTAVAIL':
      return new GodwitError('USAGE', `cannot listen on ${where}: this host has no such address`, {
        hint: 'see "ip address"',
        cause: error,
      });
    case 'EACCES':
      return new GodwitError('NO_RIGHTS', `cannot listen on ${where}: ports below 1024 need privileges`, {
        hint: 'choose a higher port, or run receive as root',
        cause: error,
      });
    default:
      return new GodwitError('SYSCALL', `cannot listen on ${where}: ${error.message}`, { cause: error });
  }
}
