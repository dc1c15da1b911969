/** What a daemon and an executor let others see: metrics, health, and their logs. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, test } from 'node:test';
import { lintMetrics } from '../../manager/observe/prometheus-lint.fixture.ts';
import { ADMIN_TOKEN, type Daemon, startDaemon, startRun, watchToEnd } from '../daemon.ts';
import { newPlace, until } from '../e2e/place.ts';

const place = newPlace();
after(() => place.leave());

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const headers = { traceparent: `00-${TRACE}-00f067aa0ba902b7-01` };
const FILE = `name: two
processors:
  a: { run: exit 3, onFailure: warn }
  b: { uses: noop }
`;

async function get(daemon: Daemon, path: string, more: Record<string, string> = {}) {
  const response = await fetch(`${daemon.url}${path}`, {
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, connection: 'close', ...more },
  });
  return { status: response.status, text: await response.text(), type: response.headers.get('content-type') };
}

/** What it has logged so far. */
function linesOf({ process: { stderr } }: Daemon): Record<string, unknown>[] {
  const whole = stderr.slice(0, stderr.lastIndexOf('\n') + 1);
  return whole
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

test('metrics: what runs do is counted, in a format that Prometheus takes', async () => {
  const daemon = await startDaemon(place);
  const runId = await startRun(daemon.api, place, FILE);
  await watchToEnd(daemon.api, runId);
  await assert.rejects(daemon.api.runs.getRun({ runId: 'none' }));

  const { status, text, type } = await get(daemon, '/metrics');
  assert.equal(status, 200);
  assert.match(type!, /^text\/plain; version=0\.0\.4/);
  for (const series of [
    'wiz_runs_started_total{how="created"} 1',
    'wiz_runs_ended_total{state="succeeded",reason=""} 1',
    'wiz_runs_running 0',
    'wiz_queue_depth 0',
    'wiz_attempts_started_total 2',
    'wiz_attempts_ended_total{outcome="failed",failure_class="app"} 1',
    'wiz_dispatch_seconds_count 2',
    'wiz_start_seconds_count 2',
    'wiz_managers_alive 1',
    'wiz_leases_held{kind="run"} 0',
    'wiz_watchers 0',
    'wiz_store_failing 0',
    'wiz_api_calls_total{method="RunService/StartRun",code="ok"} 1',
    'wiz_api_calls_total{method="RunService/GetRun",code="not_found"} 1',
  ]) {
    assert.ok(text.includes(`\n${series}\n`), `${series} is not in\n${text}`);
  }
  assert.match(text, /^wiz_journal_commit_seconds_count [1-9]/m);
  assert.match(text, /^wiz_executor_slots\{executor="\w+"\} [1-9]/m);
  assert.match(text, /^wiz_executor_in_session\{executor="\w+"\} 1$/m);
  assert.match(text, /^nodejs_eventloop_lag_seconds /m);
  assert.deepEqual(lintMetrics(text), []);
  const promtool = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  if (promtool.error === undefined) assert.equal(promtool.status, 0, promtool.stdout + promtool.stderr);

  const open = await get(daemon, '/metrics', { accept: 'application/openmetrics-text; version=1.0.0' });
  assert.match(open.type!, /^application\/openmetrics-text/);
  assert.match(open.text, /^# TYPE wiz_runs_started counter$/m);
  assert.ok(open.text.endsWith('# EOF\n'));
  await daemon.stop();
});

test('metrics ask for a credential unless the configuration says otherwise; health does not', async () => {
  const closed = await startDaemon(place);
  const nobody = { authorization: '' };
  assert.equal((await get(closed, '/metrics', nobody)).status, 401);
  assert.deepEqual(await get(closed, '/healthz', nobody), {
    status: 200,
    text: 'ok\n',
    type: 'text/plain; charset=utf-8',
  });
  assert.deepEqual(JSON.parse((await get(closed, '/readyz', nobody)).text), {
    ready: true,
    checks: { store: 'ok', joined: 'ok', writing: 'ok', serving: 'ok' },
  });
  await closed.stop();
  const open = await startDaemon(place, { args: ['--set', 'metrics.anonymous=true'] });
  assert.equal((await get(open, '/metrics', nobody)).status, 200);
  await open.stop();
});

test('the log: JSON lines that name run, trace, peer and who called, and no credential', async () => {
  const daemon = await startDaemon(place, { env: { WIZ_LOG_LEVEL: 'debug' } });
  const runId = await startRun(daemon.api, place, FILE, { headers });
  await watchToEnd(daemon.api, runId);
  await daemon
    .connect({ token: 'wiz_not-a-token' })
    .runs.getRun({ runId })
    .catch(() => {});
  await daemon.stop();
  const lines = linesOf(daemon);
  const find = (msg: string, more: object = {}) => {
    const found = lines.find(
      (line) => line.msg === msg && Object.entries(more).every(([name, value]) => line[name] === value),
    );
    assert.ok(found, `${msg} ${JSON.stringify(more)} is not in\n${daemon.process.stderr}`);
    return found;
  };
  const { manager } = find(`serving at ${daemon.url}`);
  for (const line of lines) {
    assert.equal(line.manager, manager);
    assert.ok(!Number.isNaN(Date.parse(String(line.time))) && typeof line.level === 'string');
  }
  find('run started', { run: runId, pipeline: 'two', traceId: TRACE });
  find('run ended', { run: runId, state: 'succeeded', traceId: TRACE });
  const { executor } = find('executor joined');
  find('attempt assigned', { run: runId, processor: 'a', attempt: 1, executor });
  find('attempt ended', {
    run: runId,
    processor: 'a',
    outcome: 'failed',
    reason: 'exit-code',
    failureClass: 'app',
  });
  const call = find('call', { method: 'RunService/StartRun', code: 'ok', peer: '127.0.0.1', traceId: TRACE });
  assert.equal(call.level, 'info');
  assert.ok(typeof call.durationMs === 'number' && typeof call.actor === 'string');
  assert.equal(find('call', { method: 'RunService/WatchRun' }).level, 'debug');
  find('call refused', { method: 'RunService/GetRun', code: 'unauthenticated' });
  find('ended');
  assert.ok(
    !daemon.process.stderr.includes(ADMIN_TOKEN) && !daemon.process.stderr.includes('wiz_not-a-token'),
  );
});

test('wiz executor logs its own life in the same form', async () => {
  place.write('token', 'of the executor');
  const executor = place.start([
    'executor',
    '--listen',
    '127.0.0.1:0',
    '--id',
    'mine',
    '--token-file',
    'token',
  ]);
  await executor.prints(/\n/);
  const { address } = JSON.parse(executor.stdout);
  place.write('two.yaml', FILE);
  const given = ['run', 'two.yaml', '--executor', address, '--executor-token-file', 'token'];
  await place.out(given);
  await until('the manager has left', () => executor.stderr.includes('a manager left'));
  executor.child.kill('SIGTERM');
  assert.equal((await executor.ended).code, 0);
  const lines = executor.stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ msg }) => msg),
    ['serving', 'a manager joined', 'a manager left', 'draining', 'ending', 'ended'],
  );
  assert.deepEqual([lines[0].executor, lines[0].address, lines[0].level], ['mine', address, 'info']);
  assert.match(lines[1].manager, /^\w{27}$/);
  // What is gone is forgotten, once that was seen.
  await until('no executor is listed', async () => {
    await place.run(given);
    return (await place.json(['executor', 'list'])).length === 0;
  });
});
