// Writes access.log: a week of requests to a shop, always the same for a seed and a size.
import { appendFileSync, closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const text = { type: 'string' };
const { values } = parseArgs({ options: { megabytes: text, seed: text } });
const { WIZ_FILES, WIZ_PROGRESS } = process.env;

const HOURS = 7 * 24;
const START_MS = Date.UTC(2026, 2, 2);
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
/** Characters that are gathered before they are written. */
const PIECE = 1 << 20;

/** Hours in which the search is slow and fails. */
const OUTAGE = new Set([62, 63, 64]);

let state = Math.imul(Number(values.seed) + 1, 0x9e3779b1) >>> 0;

const clients = Array.from(
  { length: 5000 },
  () => `${number(11, 223)}.${number(0, 255)}.${number(0, 255)}.${number(1, 254)}`,
);
const scanners = clients.slice(0, 12);
const agents = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/141.0.0.0 Safari/537.36',
  'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Version/19.1 Safari/604.1',
  'Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/141.0.0.0 Mobile Safari/537.36',
  'curl/8.16.0',
];
const products = Array.from({ length: 300 }, (_, i) => `/product/${1000 + i * 7}`);
const holes = ['/.env', '/wp-login.php', '/.git/config'];

const file = openSync(join(WIZ_FILES, 'access.log'), 'w');
const weights = Array.from({ length: HOURS }, (_, hour) => weightOf(hour));
const bytes = Number(values.megabytes) * 1e6;
const bytesOfWeight = bytes / weights.reduce((sum, weight) => sum + weight, 0);
let [piece, written, due, lines] = ['', 0, 0, 0];
for (let hour = 0; hour < HOURS; hour++) {
  const begin = due;
  due += weights[hour] * bytesOfWeight;
  const day = new Date(START_MS + hour * 3_600_000);
  const stamp = `${pad(day.getUTCDate())}/${MONTHS[day.getUTCMonth()]}/${day.getUTCFullYear()}:${pad(day.getUTCHours())}`;
  while (written + piece.length < due) {
    const second = Math.max(0, Math.floor(((written + piece.length - begin) / (due - begin)) * 3600));
    piece += line(`${stamp}:${pad(Math.floor(second / 60))}:${pad(second % 60)} +0000`, hour);
    lines++;
    if (piece.length >= PIECE) flush();
  }
  appendFileSync(WIZ_PROGRESS, `${hour + 1}/${HOURS}\n`);
}
flush();
closeSync(file);
console.log(`${lines} lines, ${written} bytes`);

function line(time, hour) {
  const isScan = random() < 0.002;
  const client = isScan ? pick(scanners) : pick(clients);
  const path = isScan ? pick(holes) : pathOf(random());
  const isDown = OUTAGE.has(hour) && path.startsWith('/search');
  const status = isScan ? 404 : isDown && random() < 0.4 ? 503 : statusOf(path, random());
  const size = status === 200 ? 400 + Math.floor(random() ** 3 * 60_000) : status === 304 ? 0 : 162;
  // Most take about 60 ms, some much longer.
  const seconds =
    (path.startsWith('/search') ? 0.15 : 0.05) *
    Math.exp(1.9 * (random() + random() - 1)) *
    (isDown ? 12 : 1);
  const method = path === '/cart' || path === '/checkout' ? 'POST' : 'GET';
  return `${client} - - [${time}] "${method} ${path} HTTP/1.1" ${status} ${size} "-" "${pick(agents)}" ${seconds.toFixed(3)}\n`;
}

function pathOf(share) {
  if (share < 0.18) return '/';
  if (share < 0.36) return `/search?q=${number(1, 9999)}`;
  if (share < 0.44) return '/cart';
  if (share < 0.47) return '/checkout';
  // Some products are looked at far more than others.
  if (share < 0.8) return products[Math.floor(random() ** 3 * products.length)];
  return share < 0.92 ? '/static/app.js' : '/static/app.css';
}

function statusOf(path, share) {
  if (share < 0.001) return 500;
  if (share < 0.012) return 404;
  if (path.startsWith('/static/')) return share < 0.6 ? 304 : 200;
  return path === '/checkout' ? 302 : 200;
}

/** How busy an hour is: few come at night, and more at the weekend. */
function weightOf(hour) {
  const ofDay = hour % 24;
  const weekend = hour >= 5 * 24 ? 1.4 : 1;
  return (1.15 - Math.cos(((ofDay - 3.5) / 24) * 2 * Math.PI)) * weekend * (0.9 + 0.2 * random());
}

function flush() {
  writeFileSync(file, piece, 'latin1');
  written += piece.length;
  piece = '';
}

/** From 0 to 1, always the same for a seed (mulberry32). */
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
}

function pick(list) {
  return list[Math.floor(random() * list.length)];
}

function number(least, most) {
  return least + Math.floor(random() * (most - least + 1));
}

function pad(value) {
  return String(value).padStart(2, '0');
}
