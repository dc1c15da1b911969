// Joins the counts of all parts, which come as a JSON list on standard input, and prints one JSON document.
import { readFileSync } from 'node:fs';

const SHOWN_PATHS = 20;

const hours = new Map();
const statuses = new Map();
const paths = new Map();
for (const part of JSON.parse(readFileSync(0, 'utf8'))) {
  for (const [hour, { requests, errors, bytes, ms }] of Object.entries(part.hours)) {
    const all = hours.get(hour) ?? { requests: 0, errors: 0, bytes: 0, ms: new Map() };
    hours.set(hour, all);
    all.requests += requests;
    all.errors += errors;
    all.bytes += bytes;
    for (const [duration, count] of Object.entries(ms)) add(all.ms, Number(duration), count);
  }
  for (const [status, requests] of Object.entries(part.statuses)) add(statuses, Number(status), requests);
  for (const [path, { requests, errors }] of Object.entries(part.paths)) {
    const all = paths.get(path) ?? { requests: 0, errors: 0 };
    paths.set(path, { requests: all.requests + requests, errors: all.errors + errors });
  }
}

const byHour = [...hours].sort(([a], [b]) => (a < b ? -1 : 1));
console.log(
  JSON.stringify({
    hours: byHour.map(([hour, { ms, ...counts }]) => ({
      hour,
      ...counts,
      p50_ms: percentile(ms, counts.requests, 0.5),
      p95_ms: percentile(ms, counts.requests, 0.95),
      p99_ms: percentile(ms, counts.requests, 0.99),
    })),
    statuses: [...statuses].sort(([a], [b]) => a - b).map(([status, requests]) => ({ status, requests })),
    paths: [...paths]
      .sort(([a, one], [b, other]) => other.requests - one.requests || (a < b ? -1 : 1))
      .slice(0, SHOWN_PATHS)
      .map(([path, counts]) => ({ path, ...counts })),
  }),
);

function add(counts, key, count) {
  counts.set(key, (counts.get(key) ?? 0) + count);
}

/** The least duration that this share of the requests did not exceed. */
function percentile(ms, requests, share) {
  let seen = 0;
  for (const [duration, count] of [...ms].sort(([a], [b]) => a - b)) {
    seen += count;
    if (seen >= requests * share) return duration;
  }
  return 0;
}
