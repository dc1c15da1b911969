import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createClient } from '@connectrpc/connect';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { AccessService } from '../../proto/gen/wiz/v1/access_pb.js';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { RunService } from '../../proto/gen/wiz/v1/runs_pb.js';
import { SERVICES } from '../api/services.ts';
import type { AuditEnd, AuditRow } from '../store/access-store.ts';
import { guardedPlace, ROLES } from './access.fixture.ts';
import { createAuditLog } from './audit.ts';
import { factsOf } from './methods.ts';

const METHODS = SERVICES.flatMap((service) =>
  service.methods.map((method) => ({ method, ...factsOf(method) })),
);
const CHANGING = METHODS.filter(({ changes }) => changes);

describe('the audit', () => {
  for (const role of [undefined, ...ROLES]) {
    it(`has one entry for each call of ${role === undefined ? 'nobody' : Role[role]} that may change something`, async (t) => {
      const place = await guardedPlace(t);
      const token = role === undefined ? undefined : `Bearer ${await place.token(role)}`;
      const outcomes: string[] = [];
      for (const { method, changes } of METHODS) {
        const error = await place.call(method, token);
        const outcome = error === undefined ? 'ok' : codeToString(error.code);
        if (changes) outcomes.push(outcome);
      }
      const rows = await place.audit();
      assert.deepEqual(
        rows.map(({ method, outcome }) => [method, outcome]),
        CHANGING.map(({ name }, i) => [name, outcomes[i]]),
      );
      const kind = role === undefined ? '' : 'token';
      for (const row of rows) {
        assert.deepEqual([row.kind, row.peer, row.managerId, row.calls], [kind, '10.1.2.3', 'm1', 1]);
        assert.equal(row.credential, token?.split('_')[1] ?? '');
      }
    });
  }

  it('says what was done to what, without secrets and contents', async (t) => {
    const place = await guardedPlace(t);
    const authorization = `Bearer ${await place.token(Role.ADMIN)}`;
    const access = createClient(AccessService, place.transport(authorization));
    const { token, secret } = await access.createToken({ name: 'ci', role: Role.VIEWER });
    await access.createUser({ name: 'ada', password: 'a secret password', role: Role.VIEWER });
    await access.setPassword({ name: 'ada', password: 'another secret one' });
    await assert.rejects(access.setPassword({ name: 'bob', password: 'another secret one' }));
    const runs = createClient(RunService, place.transport(authorization));
    const file = { path: 'a\nb\u001b[31m.yaml', content: Buffer.from('SECRET: content'), baseDir: '/srv' };
    await runs.startRun({
      target: { case: 'file', value: file },
      params: { key: 'a secret param' },
      context: { KEY: 'a secret value' },
    });
    await runs.startRun({ target: { case: 'adHoc', value: { argv: ['curl', 'a secret argument'] } } });
    const rows = await place.audit();
    assert.deepEqual(
      rows.map(({ method, target, outcome }) => [method.split('/')[1], target, outcome]),
      [
        ['CreateToken', `ci ${token!.tokenId}`, 'ok'],
        ['CreateUser', 'ada', 'ok'],
        ['SetPassword', 'ada', 'ok'],
        ['SetPassword', 'bob', 'not_found'],
        ['StartRun', 'a_b_[31m.yaml', 'ok'],
        ['StartRun', '', 'ok'],
      ],
    );
    assert.doesNotMatch(JSON.stringify(rows), /secret|SECRET|curl/);
    assert.ok(!JSON.stringify(rows).includes(secret.slice(-43)));
    assert.deepEqual(place.notes, []);
  });

  it('carries the trace of the caller', async (t) => {
    const place = await guardedPlace(t);
    const runs = createClient(RunService, place.transport(`Bearer ${await place.token(Role.ADMIN)}`));
    const headers = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
    await runs.cancelRun({ runId: 'r1' }, { headers });
    await runs.cancelRun({ runId: 'r2' }, { headers: { traceparent: 'x\u00ff' } });
    const rows = await place.audit();
    assert.deepEqual(
      rows.map(({ target, traceId }) => [target, traceId]),
      [
        ['r1', '0af7651916cd43dd8448eb211c80319c'],
        ['r2', ''],
      ],
    );
  });

  it('is listed by who, what and when, for admins', async (t) => {
    const place = await guardedPlace(t);
    const [admin, operator] = [await place.token(Role.ADMIN), await place.token(Role.OPERATOR)];
    const access = createClient(AccessService, place.transport(`Bearer ${admin}`));
    const runs = createClient(RunService, place.transport(`Bearer ${operator}`));
    for (let i = 0; i < 5; i += 1) await runs.cancelRun({ runId: `r${i}` });
    await access.createToken({ name: 'ci', role: Role.VIEWER });
    const targets = async (request: object) => {
      const { entries, nextPageToken } = await access.listAudit(request);
      return { targets: entries.map(({ target }) => target.split(' ')[0]), nextPageToken };
    };
    const first = await targets({ pageSize: 4 });
    assert.deepEqual(first.targets, ['ci', 'r4', 'r3', 'r2']);
    const second = await targets({ pageSize: 4, pageToken: first.nextPageToken });
    assert.deepEqual(second, { targets: ['r1', 'r0'], nextPageToken: '' });
    assert.deepEqual((await targets({ method: 'AccessService/*' })).targets, ['ci']);
    assert.deepEqual((await targets({ method: 'RunService/CancelRun', pageSize: 1 })).targets, ['r4']);
    assert.deepEqual((await targets({ actor: `t-${admin.split('_')[1]}` })).targets, ['ci']);
    assert.deepEqual((await targets({ sinceUnixMs: Date.now() + 1000 })).targets, []);
    assert.deepEqual((await targets({ untilUnixMs: 5 })).targets, []);
    await assert.rejects(targets({ pageSize: 1001 }), /at most 1000/);
  });

  it('counts the calls of a flood in one entry', async (t) => {
    const place = await guardedPlace(t);
    const guess = `Bearer wiz_000000000000_${'x'.repeat(43)}`;
    for (let i = 0; i < 40; i += 1) await place.call(RunService.method.startRun, guess);
    const rows = await place.audit();
    const floods = rows.filter(({ outcome }) => outcome === 'resource_exhausted');
    assert.deepEqual([rows.length, floods.length, floods[0]?.calls], [12, 1, 29]);
  });
});

/** A store that writes when it is told to, or fails. */
function slowStore() {
  const written: { added: AuditRow[]; ended: AuditEnd[] }[] = [];
  const state = { failing: false, gate: Promise.resolve(), written, pruned: [] as number[] };
  return {
    state,
    async writeAudit(added: AuditRow[], ended: AuditEnd[]) {
      await state.gate;
      if (state.failing) throw new Error('disk full');
      written.push({ added, ended });
    },
    async pruneAudit(beforeMs: number) {
      state.pruned.push(beforeMs);
      return 0;
    },
  };
}

const CALL = { caller: undefined, method: 'RunService/StartRun', target: 'nightly', peer: '', traceId: '' };

describe('the log of the audit', () => {
  function open(keepDays = 90) {
    const store = slowStore();
    const notes: string[] = [];
    const log = createAuditLog({ store, managerId: 'm1', keepDays, note: (line) => notes.push(line) });
    return { store, state: store.state, notes, log };
  }

  it('is written before the call is made, and many calls in one commit', async () => {
    const { state, log } = open();
    const release = Promise.withResolvers<void>();
    state.gate = release.promise;
    const calls = Array.from({ length: 100 }, () => log.begin(CALL));
    let made = false;
    void calls[0]!.then(() => {
      made = true;
    });
    await new Promise(setImmediate);
    assert.equal(made, false);
    release.resolve();
    for (const call of await Promise.all(calls)) call.end('ok', 'nightly r1');
    await log.close();
    assert.equal(state.written.flatMap(({ added }) => added).length, 100);
    assert.equal(state.written.flatMap(({ ended }) => ended).length, 100);
    assert.ok(state.written.length <= 4, `${state.written.length} commits`);
    assert.ok(state.written.flatMap(({ added }) => added).every(({ outcome }) => outcome === ''));
  });

  it('keeps a call from being made that it cannot write; what ended is written later', async () => {
    const { state, log } = open();
    const entry = await log.begin(CALL);
    state.failing = true;
    await assert.rejects(log.begin(CALL), /disk full/);
    entry.end('ok', 'nightly');
    log.refused({ ...CALL, method: 'RunService/PruneRuns' }, 'permission_denied');
    await new Promise(setImmediate);
    state.failing = false;
    await log.close();
    const [first, rest] = [state.written[0]!, state.written.slice(1)];
    assert.equal(first.added.length, 1);
    assert.deepEqual(
      rest.flatMap(({ added }) => added.map(({ method }) => method)),
      ['RunService/PruneRuns'],
    );
    assert.deepEqual(
      rest.flatMap(({ ended }) => ended.map(({ entryId }) => entryId)),
      [first.added[0]!.entryId],
    );
  });

  it('holds so many entries and no more while nothing can be written', async () => {
    const { state, log, notes } = open();
    const release = Promise.withResolvers<void>();
    state.gate = release.promise;
    const waiting = Array.from({ length: 10_050 }, () =>
      log.begin(CALL).then(
        () => 'made',
        (error) => error.code,
      ),
    );
    const refused = (await Promise.all(waiting.slice(-20))).filter((code) => code === 'resource_exhausted');
    assert.equal(refused.length, 20);
    state.failing = true;
    release.resolve();
    await Promise.all(waiting);
    for (let i = 0; i < 10_050; i += 1) log.refused(CALL, 'permission_denied');
    await log.close();
    state.failing = false;
    assert.ok(notes.some((line) => line.includes('dropped')));
    await log.close();
    assert.ok(state.written.flatMap(({ added }) => added).length <= 10_050);
  });

  it('deletes what is older than it is kept, unless that is for ever', async () => {
    const kept = open(30);
    await kept.log.begin(CALL);
    await kept.log.close();
    await new Promise(setImmediate);
    assert.equal(kept.state.pruned.length, 1);
    assert.ok(Math.abs(Date.now() - 30 * 86_400_000 - kept.state.pruned[0]!) < 60_000);
    const forEver = open(0);
    await forEver.log.begin(CALL);
    await forEver.log.close();
    assert.deepEqual(forEver.state.pruned, []);
  });
});
