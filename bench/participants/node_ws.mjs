// Node and `ws`, in two ways:
//
// * interval: `setInterval` of 60 ms for each call, which many scripts for Twilio's Media Streams do. Node counts
//   each period from the moment the last one was served, so it is later by some of a millisecond each time.
// * deadlines: the best form, `setTimeout` to the next absolute deadline, epoch + n * 60 ms.
//
// Frames are made ahead of time, compression is off, and media messages are told by their beginning. It keeps
// the contract of README.md, "A sender".
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const require = createRequire(process.env.BENCH_NODE_MODULES + '/');
const { WebSocketServer } = require('ws');

const PTIME = 60;
const { values: given } = parseArgs({
  options: {
    legs: { type: 'string' },
    seconds: { type: 'string' },
    dialect: { type: 'string', default: 'raw' },
    'half-silent': { type: 'boolean', default: false },
    way: { type: 'string', default: 'deadlines' },
    'settle-ms': { type: 'string', default: '3000' },
  },
});
const legs = Number(given.legs);
const seconds = Number(given.seconds);
const twilio = given.dialect === 'twilio';

function numberedFrame(number) {
  const frame = Buffer.alloc(960, number & 255);
  frame.writeUInt32LE(number, 0);
  frame.writeUInt32LE(~number >>> 0, 4);
  frame.writeUInt32LE(number, 956);
  return frame;
}

function numberedBase64(number) {
  const digits = [0, 1, 2, 3, 4].map((place) => Math.floor(number / 64 ** place) % 64);
  const codes = Buffer.alloc(480, 0x80 + digits[0]);
  digits.forEach((digit, place) => {
    codes[place] = codes[475 + place] = 0x80 + digit;
    codes[5 + place] = 0x80 + 63 - digit;
  });
  return codes.toString('base64');
}

const count = Math.floor(((seconds + legs / 100 + 60) * 1000) / PTIME);
const frames = Array.from({ length: count }, (_, number) =>
  twilio ? numberedBase64(number) : numberedFrame(number),
);

const late = new Float64Array(Math.ceil(((seconds + 2) * 1000 * legs) / PTIME) + legs);
let lateCount = 0;
let total = 0;
let up = 0;
let measuring = false;
const residentKb = () => Number(readFileSync('/proc/self/statm', 'ascii').split(' ')[1]) * 4;
const beforeKb = residentKb();

function noteSent(lateMs) {
  total += 1;
  if (measuring && lateCount < late.length) late[lateCount++] = lateMs;
}

function speak(socket, sid) {
  const before = `{"event":"media","streamSid":"${sid}","media":{"payload":"`;
  const epoch = performance.now();
  let number = 0;
  const send = () => {
    if (socket.readyState !== socket.OPEN || number === frames.length) return false;
    if (twilio) socket.send(`${before}${frames[number]}"}}`);
    else socket.send(frames[number], { binary: true });
    noteSent(performance.now() - epoch - number * PTIME);
    number += 1;
    return true;
  };
  if (given.way === 'interval') {
    send();
    const timer = setInterval(() => send() || clearInterval(timer), PTIME);
    return;
  }
  const turn = () => {
    if (send()) setTimeout(turn, Math.max(0, epoch + number * PTIME - performance.now()));
  };
  turn();
}

function begin(socket, leg, sid) {
  up += 1;
  if (!(given['half-silent'] && leg % 2)) speak(socket, sid);
  if (up === legs) setTimeout(measure, Number(given['settle-ms']));
}

function measure() {
  const cpu = process.cpuUsage();
  measuring = true;
  setTimeout(() => {
    measuring = false;
    const used = process.cpuUsage(cpu);
    report(used.user + used.system);
  }, seconds * 1000);
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

function report(cpuUs) {
  const inOrder = late.subarray(0, lateCount);
  const tenth = Math.max(1, Math.floor(lateCount / 10));
  const drift = mean(inOrder.subarray(lateCount - tenth)) - mean(inOrder.subarray(0, tenth));
  const kb = (residentKb() - beforeKb) / legs;
  const sorted = inOrder.slice().sort();
  const rank = (part) =>
    Math.max(0, lateCount ? sorted[Math.max(0, Math.round(lateCount * part) - 1)] : 0);
  process.stdout.write(
    JSON.stringify({
      legs,
      frames: lateCount,
      frames_total: total,
      lateness_ms: { p50: rank(0.5), p99: rank(0.99), p999: rank(0.999), max: rank(1) },
      cpu_us_per_frame: cpuUs / Math.max(1, lateCount),
      cpu_percent: cpuUs / (seconds * 1e4),
      rss_kb_per_leg: kb,
      underruns: 0,
      resyncs: 0,
      drift_ms: drift,
    }) + '\n',
    () => process.exit(0),
  );
}

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
server.on('listening', () => {
  process.stdout.write(JSON.stringify({ port: server.address().port }) + '\n');
});
server.on('connection', (socket, request) => {
  const leg = Number(request.url.split('/').pop());
  let started = !twilio;
  socket.on('error', () => socket.terminate());
  socket.on('message', (data, isBinary) => {
    if (isBinary || (started && data.toString('latin1', 0, 16) === '{"event":"media"')) return;
    const event = JSON.parse(data);
    if (event.event !== 'start' || started) return;
    started = true;
    begin(socket, leg, event.streamSid);
  });
  if (started) begin(socket, leg, '');
});
