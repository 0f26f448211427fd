// ws.mjs PORT: fan-out with the npm package ws, as its manual does it.  What
// comes on /pub goes to every other connection.  No compression, no check of
// UTF-8; no Redis in the way.
import { WebSocketServer } from 'ws';

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  backlog: 4096,
  perMessageDeflate: false,
  skipUTF8Validation: true,
});
const clients = new Set();

server.on('connection', (socket, request) => {
  socket.on('error', () => {});
  if (request.url === '/pub') {
    socket.on('message', (data) => {
      for (const client of clients) client.send(data, { binary: false });
    });
    return;
  }
  clients.add(socket);
  socket.on('close', () => clients.delete(socket));
});
process.on('SIGTERM', () => process.exit(0));
