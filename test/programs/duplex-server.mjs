// Full-duplex streams with whoever comes (duplex.mjs). Prints "ready", then nothing but what is wrong.
import { createServer } from 'node:net';
import { Duplex } from './duplex.mjs';

const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
  const stream = new Duplex(socket, false, Math.random);
  void stream.ended.then(() => stream.problem === '' || console.log(stream.problem));
});
server.listen(Number(process.argv[2]), '0.0.0.0', 1000, () => console.log('ready'));
