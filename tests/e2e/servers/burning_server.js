// An HTTP server whose requests burn the CPU in one function that is known by name. Prints
// "listening ADDRESS".
'use strict';
const http = require('http');

function burnHere(ms) {
  const until = process.hrtime.bigint() + BigInt(ms) * 1000000n;
  let sum = 0;
  while (process.hrtime.bigint() < until) {
    for (let i = 0; i < 100000; ++i) sum = (sum * 31 + i) | 0;
  }
  return sum;
}

const server = http.createServer((request, response) => {
  response.end(`${burnHere(15)}\n`);
});
server.listen(0, '127.0.0.1', () => {
  console.log(`listening 127.0.0.1:${server.address().port}`);
});
