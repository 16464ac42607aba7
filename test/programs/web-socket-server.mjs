// HTTP and WebSocket on one port: / answers "hello", a WebSocket hears again what it says. Prints "ready", then nothing but errors.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

const server = createServer((request, response) => response.end('hello'));
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket) => {
  socket.on('message', (data) => socket.send(data));
  socket.on('error', (error) => console.log('error', error.message));
});
server.listen(Number(process.argv[2]), '0.0.0.0', 1000, () => console.log('ready'));
