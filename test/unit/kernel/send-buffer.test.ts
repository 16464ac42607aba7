import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import t from 'tap';
import { Program } from '../../../src/kernel/program.ts';
import { runLocal } from '../../../src/kernel/local-program.ts';
import { widenSendBuffer } from '../../../src/kernel/send-buffer.ts';
import { descriptorOf } from '../../../src/transport/websocket.ts';

const solSocket = 1;
const soSndbuf = 7;

function sendBuffer(fd: number): number {
  const program = new Program();
  const value = program.room(4);
  const length = program.bytes(new Uint8Array(Int32Array.of(4).buffer));
  program.call('getsockopt', fd, solSocket, soSndbuf, value, length);
  return runLocal(program).view(value).getInt32(0, true);
}

void t.test('a send buffer takes what nobody reads', async (t) => {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const arrived = once(server, 'connection') as Promise<[Socket]>;
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  const [peer] = await arrived;
  t.teardown(() => {
    socket.destroy();
    peer.destroy();
    server.close();
  });
  const fd = descriptorOf(socket) ?? -1;
  const before = sendBuffer(fd);
  widenSendBuffer(fd, 16 << 20);
  const after = sendBuffer(fd);
  t.ok(after > before, `${before} bytes became ${after}`);
  if (after < 16 << 20) {
    t.comment('without CAP_NET_ADMIN no more than net.core.wmem_max');
    return;
  }
  await new Promise<void>((resolve) =>
    socket.write(Buffer.alloc(12 << 20), () => {
      resolve();
    }),
  );
  t.pass('12 MiB were taken at once');
  socket.destroy();
  await once(socket, 'close');
  t.equal(descriptorOf(socket), undefined, 'a closed socket has no descriptor');
});
