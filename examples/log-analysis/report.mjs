// Writes report.html, which needs nothing but itself.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { slow: { type: 'string' } } });
const { outputs } = JSON.parse(readFileSync(process.env.WIZ_INPUT, 'utf8'));
const { hours, statuses, paths } = outputs.join;

const requests = sum(hours, 'requests');
const errors = sum(hours, 'errors');
// The alarm is skipped in a good week, and has no output then.
const slowHours = outputs.alarm?.lines[0];

const html = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Access logs</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2em auto; padding: 0 1em; color: #222; }
  table { border-collapse: collapse; } td, th { padding: 2px 14px 2px 0; text-align: left; }
  td.number { text-align: right; font-variant-numeric: tabular-nums; }
  .alarm { background: #fde8e4; border-left: 4px solid #c8402a; padding: 8px 14px; }
  svg { width: 100%; } .bar { fill: #7a9cc6; } .bad { fill: #c8402a; } text { font-size: 11px; fill: #555; }
</style>
<h1>Access logs, ${hours[0].hour} to ${hours.at(-1).hour}</h1>
<p>${count(requests)} requests, ${count(errors)} of them failed (${percent(errors / requests)}),
${count(Math.round(sum(hours, 'bytes') / 1e6))} MB sent.</p>
${slowHours ? `<p class="alarm">95th percentile above ${escaped(values.slow)} ms: ${escaped(slowHours)}</p>` : ''}
<h2>Requests by hour</h2>
${chart('requests', () => false)}
<h2>95th percentile of latencies by hour, in ms</h2>
${chart('p95_ms', ({ p95_ms }) => p95_ms > Number(values.slow))}
<h2>Status codes</h2>
${table(
  ['status', 'requests'],
  statuses.map((one) => [one.status, one.requests]),
)}
<h2>Busiest paths</h2>
${table(
  ['path', 'requests', 'failed'],
  paths.map((one) => [one.path, one.requests, one.errors]),
)}
<h2>Who looks for holes</h2>
${table(
  ['client', 'requests'],
  outputs.suspects.map((line) => line.split(' ')).map(([n, client]) => [client, Number(n)]),
)}
</html>
`;
writeFileSync(join(process.env.WIZ_FILES, 'report.html'), html);
console.log(`${count(requests)} requests, ${percent(errors / requests)} failed`);

/** Bars, one for each hour. */
function chart(key, isBad) {
  const [width, height] = [940, 140];
  const most = Math.max(...hours.map((one) => one[key]));
  const step = width / hours.length;
  const bars = hours.map((one, index) => {
    const tall = (one[key] / most) * height;
    const place = `x="${(index * step).toFixed(1)}" y="${(height - tall + 14).toFixed(1)}"`;
    const size = `width="${(step * 0.8).toFixed(1)}" height="${tall.toFixed(1)}"`;
    return `<rect class="${isBad(one) ? 'bad' : 'bar'}" ${place} ${size}><title>${one.hour}: ${count(one[key])}</title></rect>`;
  });
  const days = hours.flatMap(({ hour }, index) =>
    hour.endsWith('T00') ? `<text x="${index * step}" y="${height + 28}">${hour.slice(0, 10)}</text>` : [],
  );
  const top = `<text x="0" y="10">${count(most)}</text>`;
  return `<svg viewBox="0 0 ${width} ${height + 32}" role="img">${top}${bars.join('')}${days.join('')}</svg>`;
}

function table(head, rows) {
  const cell = (value) =>
    typeof value === 'number' ? `<td class="number">${count(value)}` : `<td>${escaped(value)}`;
  const lines = rows.map((row) => `<tr>${row.map(cell).join('')}`);
  return `<table><tr>${head.map((name) => `<th>${name}`).join('')}\n${lines.join('\n')}\n</table>`;
}

function sum(list, key) {
  return list.reduce((all, one) => all + one[key], 0);
}

function count(value) {
  return value.toLocaleString('en-US');
}

function percent(share) {
  return `${(share * 100).toFixed(2)} %`;
}

function escaped(value) {
  return String(value).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
}
