// Sockets that hear nothing: the first few by a classic filter each, the others by one program that they share.
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import t from 'tap';
import { sleep, until } from '../helpers/commands.ts';
import { runLocal } from '../../src/kernel/local-program.ts';
import { Program } from '../../src/kernel/program.ts';
import { may } from '../../src/kernel/rights.ts';
import { native } from '../../src/native.ts';

const [solSocket, soDetachFilter] = [1, 27];
const count = 10;
const skip = !may('tcp-repair') && 'only CAP_NET_ADMIN lets a socket be filtered';

function fdOf(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd;
}

function hearAgain(fd: number): number {
  const program = new Program();
  const result = program.attempt('setsockopt', fd, solSocket, soDetachFilter, program.room(4), 4);
  return runLocal(program).number(result);
}

t.test('whoever hears nothing misses nothing', { skip }, async (t) => {
  const accepted: Socket[] = [];
  const heard = new Map<Socket, string>();
  const server = createServer((socket) => {
    accepted.push(socket);
    socket.on('data', (data) => heard.set(socket, (heard.get(socket) ?? '') + data.toString()));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const clients = Array.from({ length: count }, () => connect(port, '127.0.0.1'));
  t.teardown(() => {
    for (const socket of [...clients, ...accepted]) socket.destroy();
    server.close();
  });
  await until('all are connected', () => accepted.length === count);
  for (const socket of accepted) t.equal(native.stopHearing(fdOf(socket)), 0);
  for (const client of clients) client.write('hello');
  await sleep(100);
  t.equal(heard.size, 0, 'nobody has heard it');
  for (const socket of accepted) t.equal(hearAgain(fdOf(socket)), 0);
  // It is sent again by itself.
  await until(
    'all have heard it',
    () => [...heard.values()].filter((text) => text === 'hello').length === count,
  );
});
