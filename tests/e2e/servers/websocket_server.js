// A web socket server on Debian's `ws` that echoes, and logs what it counted of each connection.
// websocket_server.js LOG prints where it listens. "many N" is answered by N messages.
'use strict';
const fs = require('fs');
const { WebSocketServer } = require('/usr/share/nodejs/ws');

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 }, () => {
  console.log(`listening 127.0.0.1:${server.address().port}`);
});
server.on('connection', (socket, request) => {
  const line = { path: request.url, received: 0, received_bytes: 0, sent: 0, sent_bytes: 0 };
  const send = (message, binary) => {
    line.sent += 1;
    line.sent_bytes += message.length;
    socket.send(message, { binary });
  };
  socket.on('message', (message, binary) => {
    line.received += 1;
    line.received_bytes += message.length;
    const words = message.length < 30 ? message.toString().split(' ') : [''];
    if (words[0] === 'many') {
      for (let i = 0; i < Number(words[1]); ++i) send(Buffer.from('one of many'), false);
    } else {
      send(message, binary);
    }
  });
  socket.on('close', () => fs.appendFileSync(process.argv[2], JSON.stringify(line) + '\n'));
});
