// Server-sent events of Node: GET with the header X-Plan "FIRST GAP COUNT" in ms. A line of JSON for
// each answer: its id, and when each event's write() was called and returned, by CLOCK_MONOTONIC.
const fs = require("fs");
const http = require("http");

const log = fs.openSync(process.argv[2], "a");
const now = () => Number(process.hrtime.bigint());

const server = http.createServer((request, response) => {
  const [first, gap, count] = request.headers["x-plan"].split(" ").map(Number);
  const read_ns = now();
  const sent_ns = [];
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  response.write(": hello\n\n");
  const next = () => {
    const before = now();
    response.write(`event: tick\ndata: ${sent_ns.length}\n\n`);
    sent_ns.push([before, now()]);
    if (sent_ns.length < count) return setTimeout(next, gap);
    response.end();
    fs.writeSync(log, JSON.stringify({ id: request.headers["x-request-id"], read_ns, sent_ns }) + "\n");
  };
  setTimeout(next, first);
});
server.listen(0, "127.0.0.1", () => console.log(`listening 127.0.0.1:${server.address().port}`));
