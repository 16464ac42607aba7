// A WebSocket server that remembers when pings came: tells its port, and the times when it is asked.
import { WebSocketServer } from 'ws';

const times = [];
const server = new WebSocketServer({ host: '127.0.0.1', port: 0 }, () => process.send(server.address().port));
server.on('connection', (ws) => {
  ws.on('ping', () => times.push(Date.now()));
  ws.on('error', () => undefined);
});
process.on('message', () => process.send(times));
process.on('disconnect', () => process.exit(0));
