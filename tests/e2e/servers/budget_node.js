// A Node server whose requests spend known times, as their path says, and log where:
//
//   node budget_node.js [--listen 127.0.0.1:0] [--truth FILE] [--down 127.0.0.1:PORT]
//
// /cpu/5ms burns in the loop, /sleep/5ms is a timer, /down/5ms asks the downstream for /sleep/Nns
// over a kept connection, /pool/5ms is so much pbkdf2 in libuv's thread pool (measured at the
// start), /worker/5ms sleeps in a worker thread. Truth lines as budget_server writes them:
// name=value, ns, CLOCK_MONOTONIC. Node does not show its reads: read_first is when the request was
// parsed. cpu is the loop's thread in the turns of this request, others the loop's work for
// everything else while it was in flight, idle its waiting for events, run_queue how long it could
// have run and did not; away is from the hand-over to a pool until the loop goes on with the request.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const http = require('http');
const {performance} = require('perf_hooks');
const {Worker, isMainThread, parentPort} = require('worker_threads');

const now = () => process.hrtime.bigint();
const UNITS = {ns: 1n, us: 1000n, ms: 1000000n, s: 1000000000n};

function nanoseconds(text) {
  const found = /^(\d+)(ns|us|ms|s)$/.exec(text);
  if (!found) throw new Error(`no duration: ${text}`);
  return BigInt(found[1]) * UNITS[found[2]];
}

// Node has no clock for one thread's CPU time. getrusage, which cpuUsage() calls, brings that of the
// calling thread up to date in the kernel, and its schedstat shows it.
const schedstat = fs.openSync(`/proc/self/task/${process.pid}/schedstat`);
const text = Buffer.alloc(100);
function threadTimes() {  // [on a CPU, runnable and waiting for one]
  process.cpuUsage();
  const size = fs.readSync(schedstat, text, 0, text.length, 0);
  return text.toString('latin1', 0, size).split(' ').slice(0, 2).map(BigInt);
}
const cpu = () => threadTimes()[0];

function burn(length) {
  for (const end = cpu() + length; cpu() < end;)
    for (const soon = now() + 20000n; now() < soon;);  // without system calls
}

function idle() {
  return BigInt(Math.round(performance.eventLoopUtilization().idle * 1e6));
}

// --- what waits

function sleep(request, length) {
  return request.waiting('sleep', (done) => setTimeout(done, Number(length) / 1e6));
}

const agent = new http.Agent({keepAlive: true});
function down(request, length) {
  const [host, port] = options.down.split(':');
  const headers = {'x-request-id': `${request.id}-down`};
  return request.waiting('downstream', (done, failed) => {
    http.get({host, port, agent, headers, path: `/sleep/${length}ns`}, (answer) => {
      answer.on('end', done);
      answer.resume();
    }).on('error', failed);
  });
}

const hash = (rounds, done) => crypto.pbkdf2('a', 'b', rounds, 32, 'sha256', done);
let roundsPerMs = 0;
function measureHash() {
  const begin = cpu();
  crypto.pbkdf2Sync('a', 'b', 200000, 32, 'sha256');
  roundsPerMs = 200000 * 1e6 / Number(cpu() - begin);
}

function pool(request, length) {
  request.pool = 'libuv';
  const rounds = Math.max(1, Math.round(roundsPerMs * Number(length) / 1e6));
  return request.waiting('away', (done) => hash(rounds, done));
}

const sleepers = [];
async function worker(request, length) {
  const thread = sleepers.pop() || new Worker(__filename);
  request.pool = 'worker';
  const begin = now();
  const answer = await request.waiting('away', (done) => {
    thread.once('message', done);
    thread.postMessage(length);
  });
  request.add('handed', answer.begin - begin);
  request.add('pool_sleep', answer.end - answer.begin);
  request.add('returned', now() - answer.end);
  sleepers.push(thread);
}

function work() {  // in the worker
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  parentPort.on('message', (length) => {
    const begin = now();
    Atomics.wait(nobody, 0, 0, Number(length) / 1e6);
    parentPort.postMessage({begin, end: now()});
  });
}

const steps = {sleep, down, pool, worker, cpu: (request, length) => burn(length)};

// --- requests

class Request {
  constructor(message) {
    this.read = now();
    this.goOn();
    this.id = message.headers['x-request-id'] || '-';
    this.target = message.url;
    this.wall = 0n;
    this.cpu = 0n;
    this.idle = idle();
    this.runQueue = threadTimes()[1];
    this.pool = null;
    this.spent = {};
  }
  goOn() {
    this.turn = now();
    this.turnCpu = cpu();
  }
  leave() {
    this.cpu += cpu() - this.turnCpu;
    this.wall += now() - this.turn;
  }
  add(name, length) {
    this.spent[name] = (this.spent[name] || 0n) + length;
  }
  async waiting(name, start) {
    const begin = now();
    const waited = new Promise(start);
    this.leave();
    const result = await waited;
    this.goOn();
    this.add(name, now() - begin);
    return result;
  }
  writeTruth(begin, end, status) {
    const idled = idle() - this.idle;
    const others = end - this.read - this.wall - idled;
    const fields = {
      id: this.id, target: this.target, status, pid: process.pid, tid: process.pid,
      read_first: this.read, read_last: this.read, write_first_begin: begin, write_first: end,
      write_last_begin: begin, write_last: end, cpu: this.cpu,
      others: others > 0n ? others : 0n, idle: idled, run_queue: threadTimes()[1] - this.runQueue,
      ...this.spent,
    };
    if (this.pool) fields.pool = this.pool;
    const line = Object.entries(fields).map(([name, value]) => `${name}=${value}`).join(' ');
    if (truth !== null) fs.writeSync(truth, line + '\n');
  }
}

async function serve(message, response) {
  const request = new Request(message);
  let status = 200;
  try {
    const words = request.target.split('/').slice(1);
    for (let i = 0; i + 1 < words.length; i += 2)
      await steps[words[i]](request, nanoseconds(words[i + 1]));
  } catch (error) {
    status = 404;
  }
  response.writeHead(status, {'Content-Length': 2});
  const begin = now();
  response.end('ok');
  request.leave();  // before the stamp: its CPU time is within the request
  const end = now();
  request.writeTruth(begin, end, status);
}

const options = {listen: '127.0.0.1:0', truth: null, down: null};
for (let i = 2; i + 1 < process.argv.length; i += 2)
  options[process.argv[i].slice(2)] = process.argv[i + 1];
const truth = isMainThread && options.truth ? fs.openSync(options.truth, 'a') : null;

if (isMainThread) {
  measureHash();
  const [host, port] = options.listen.split(':');
  const server = http.createServer(serve);
  server.keepAliveTimeout = 60000;
  server.listen(Number(port), host, 1024,
                () => console.log(`listening ${host}:${server.address().port}`));
} else {
  work();
}
