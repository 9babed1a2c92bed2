// A Node server that logs each request it has answered: node node_server.js LOG [CERT KEY]
'use strict';
const fs = require('fs');
const http = require('http');
const https = require('https');

const log = fs.openSync(process.argv[2], 'a');
const [, , , cert, key] = process.argv;
const make = cert
  ? (serve) => https.createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, serve)
  : http.createServer;
const server = make((request, response) => {
  let size = 0;
  request.on('data', (piece) => { size += piece.length; });
  request.on('end', () => {
    const path = request.url.split('?')[0];
    response.on('finish', () => {
      fs.writeSync(log, JSON.stringify({
        method: request.method, path, status: response.statusCode,
        id: request.headers['x-request-id'],
      }) + '\n');
    });
    if (path === '/chunked') {
      response.write('a'.repeat(1000));
      setTimeout(() => { response.write('b'.repeat(70000)); response.end('c'); }, 1);
    } else if (path === '/missing') {
      response.statusCode = 404;
      response.end('no');
    } else {
      response.end(`read ${size}`);
    }
  });
});
server.keepAliveTimeout = 60000;
server.listen(0, '127.0.0.1', 4096, () => console.log(`listening 127.0.0.1:${server.address().port}`));
