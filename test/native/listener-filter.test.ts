// The filter by which a listening socket accepts nobody new: who has begun goes on, and Godwit knows its own filter.
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import t from 'tap';
import { hasListenerFilter } from '../../src/kernel/listener-filter.ts';
import { may } from '../../src/kernel/rights.ts';
import { socketFacts } from '../../src/kernel/socket-facts.ts';
import { Keeper } from '../../src/kernel/keeper.ts';
import { sleep } from '../helpers/commands.ts';
import { newId, ownFolders } from '../helpers/keeper-bed.ts';

const folders = ownFolders();
t.after(folders.remove);
const skip = !may('tcp-repair') && 'only CAP_NET_ADMIN lets a socket be filtered';

const fdOf = (socket: Server | Socket): number =>
  (socket as unknown as { _handle: { fd: number } })._handle.fd;

t.test('a locked listener', { skip }, async (t) => {
  const keeper = await Keeper.start({ role: 'source', id: newId() });
  t.teardown(async () => {
    await keeper.abort();
    await keeper.close();
  });
  const accepted: Socket[] = [];
  const server = createServer((socket) => accepted.push(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  const visit = (): Socket => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    return socket;
  };
  t.teardown(() => {
    for (const socket of [...sockets, ...accepted]) socket.destroy();
    server.close();
  });
  await once(visit(), 'connect');
  t.equal(hasListenerFilter(fdOf(server)), false);
  const number = keeper.network.lockListener(fdOf(server));
  t.equal(hasListenerFilter(fdOf(server)), true, 'it is known');
  t.equal(socketFacts(fdOf(server)).filtered, true);
  const late = visit();
  await sleep(200);
  t.equal(late.connecting, true, 'nobody new comes in');
  const [first] = accepted;
  first?.write('still heard');
  await once(sockets[0] as Socket, 'data');
  keeper.network.revert(number);
  t.equal(hasListenerFilter(fdOf(server)), false, 'it is gone');
  await once(late, 'connect'); // its SYN is sent again after a second
});
