import assert from 'node:assert/strict';
import { it } from 'node:test';
import { newId } from '../../../proto/ids.ts';
import type { AuditRow, TokenRow, UserRow } from '../access-store.ts';
import type { Store } from '../store.ts';

const NOW = 1_700_000_000_000;

export function tokenRow(change: Partial<TokenRow> = {}): TokenRow {
  return {
    tokenId: 'a1b2c3d4e5f6',
    name: 'ci',
    role: 3,
    scopes: ['RunService/StartRun', 'FileService/*'],
    hash: 'ab'.repeat(32),
    createdBy: 'ada',
    createdMs: NOW,
    expiresMs: 0,
    revokedMs: 0,
    lastUsedMs: 0,
    ...change,
  };
}

export function userRow(change: Partial<UserRow> = {}): UserRow {
  const times = { createdMs: NOW, passwordMs: NOW };
  return { name: 'ada', role: 4, passwordHash: '$scrypt$1', createdBy: 'ops', ...times, ...change };
}

function auditRow(change: Partial<AuditRow> = {}): AuditRow {
  const atMs = change.atMs ?? NOW;
  return {
    entryId: newId(atMs),
    atMs,
    actor: 'ci',
    kind: 'token',
    credential: 'a1b2c3d4e5f6',
    method: 'RunService/StartRun',
    target: 'nightly',
    outcome: '',
    peer: '10.0.0.7',
    managerId: 'm1',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    calls: 1,
    ...change,
  };
}

export function tokenTests(store: () => Store): void {
  it('keeps tokens, newest first', async () => {
    const [older, newer] = [
      tokenRow(),
      tokenRow({ tokenId: 'b', name: 'cd', createdMs: NOW + 1, scopes: [] }),
    ];
    await store().createToken(older);
    await store().createToken(newer);
    assert.deepEqual(await store().listTokens(), [newer, older]);
    assert.deepEqual(await store().getToken(older.tokenId), older);
    assert.equal(await store().getToken('c'), undefined);
  });

  it('has one valid token of a name', async () => {
    await store().createToken(tokenRow({ expiresMs: NOW + 10 }));
    const again = (change: Partial<TokenRow>) => store().createToken(tokenRow({ tokenId: 'b', ...change }));
    await assert.rejects(again({ createdMs: NOW + 9 }), { code: 'already_exists' });
    await again({ createdMs: NOW + 10 });
    assert.equal((await store().getToken('a1b2c3d4e5f6'))?.revokedMs, NOW + 10);
    await store().revokeToken('b', NOW + 20);
    await store().createToken(tokenRow({ tokenId: 'c' }));
  });

  it('revokes a token once', async () => {
    await store().createToken(tokenRow());
    assert.equal(await store().revokeToken('a1b2c3d4e5f6', NOW + 5), true);
    assert.equal(await store().revokeToken('a1b2c3d4e5f6', NOW + 6), false);
    assert.equal(await store().revokeToken('none', NOW), false);
    assert.equal((await store().getToken('a1b2c3d4e5f6'))?.revokedMs, NOW + 5);
  });

  it('remembers the last use, whichever manager comes late', async () => {
    await store().createToken(tokenRow());
    await store().touchTokens([
      { tokenId: 'a1b2c3d4e5f6', usedMs: NOW + 5 },
      { tokenId: 'none', usedMs: NOW },
    ]);
    await store().touchTokens([{ tokenId: 'a1b2c3d4e5f6', usedMs: NOW + 4 }]);
    assert.equal((await store().getToken('a1b2c3d4e5f6'))?.lastUsedMs, NOW + 5);
  });

  it('tells whether anybody can sign in', async () => {
    assert.equal(await store().hasCredentials(NOW), false);
    await store().createToken(tokenRow({ expiresMs: NOW + 10 }));
    assert.equal(await store().hasCredentials(NOW + 9), true);
    assert.equal(await store().hasCredentials(NOW + 10), false);
    await store().createUser(userRow());
    assert.equal(await store().hasCredentials(NOW + 10), true);
  });
}

export function userTests(store: () => Store): void {
  it('keeps users by name', async () => {
    await store().createUser(userRow({ name: 'bob' }));
    await store().createUser(userRow());
    await assert.rejects(store().createUser(userRow({ role: 2 })), { code: 'already_exists' });
    assert.deepEqual(await store().listUsers(), [userRow(), userRow({ name: 'bob' })]);
    assert.deepEqual(await store().getUser('ada'), userRow());
    assert.equal(await store().getUser('ADA'), undefined);
  });

  it('changes passwords and deletes users, those that are there', async () => {
    await store().createUser(userRow());
    assert.equal(await store().setPassword('ada', '$scrypt$2', NOW + 1), true);
    assert.equal(await store().setPassword('bob', '$scrypt$2', NOW + 1), false);
    const changed = userRow({ passwordHash: '$scrypt$2', passwordMs: NOW + 1 });
    assert.deepEqual(await store().getUser('ada'), changed);
    assert.equal(await store().deleteUser('ada'), true);
    assert.equal(await store().deleteUser('ada'), false);
  });
}

export function auditTests(store: () => Store): void {
  const targets = (rows: AuditRow[]) => rows.map(({ target }) => target);

  it('adds entries and ends them', async () => {
    const [first, second] = [auditRow(), auditRow({ target: 'naïve 🌍', calls: 7, outcome: 'ok' })];
    await store().writeAudit([first, second], []);
    await store().writeAudit(
      [],
      [
        { entryId: first.entryId, target: 'nightly 2x', outcome: 'unavailable', calls: 3 },
        { entryId: 'none', target: '', outcome: 'ok', calls: 1 },
      ],
    );
    const ended = { ...first, target: 'nightly 2x', outcome: 'unavailable', calls: 3 };
    assert.deepEqual(await store().listAudit({ limit: 9 }), [second, ended]);
    const [third] = [auditRow()];
    await store().writeAudit([third], [{ entryId: third.entryId, target: 't', outcome: 'ok', calls: 1 }]);
    assert.equal((await store().listAudit({ limit: 1 }))[0]?.outcome, 'ok');
  });

  it('lists by actor, method and time, page by page', async () => {
    const rows = Array.from({ length: 6 }, (_, i) =>
      auditRow({
        atMs: NOW + 5_000 * i,
        target: String(i),
        actor: i % 2 === 0 ? 'ci' : 'ada',
        method: i < 3 ? 'RunService/StartRun' : 'RunServices/X',
      }),
    );
    await store().writeAudit(rows, []);
    const listed = async (filter: object) => targets(await store().listAudit({ limit: 9, ...filter }));
    assert.deepEqual(await listed({ actor: 'ada' }), ['5', '3', '1']);
    assert.deepEqual(await listed({ method: 'RunService/StartRun' }), ['2', '1', '0']);
    assert.deepEqual(await listed({ method: 'RunService/' }), ['2', '1', '0']);
    assert.deepEqual(await listed({ sinceMs: NOW + 15_000 }), ['5', '4', '3']);
    assert.deepEqual(await listed({ sinceMs: NOW + 5_000, untilMs: NOW + 15_000 }), ['2', '1']);
    assert.equal((await listed({ sinceMs: 5 })).length, 6);
    assert.deepEqual(await listed({ sinceMs: 1e14 }), []);
    assert.deepEqual(await listed({ limit: 2, beforeEntryId: rows[4]!.entryId }), ['3', '2']);
    assert.deepEqual(await listed({ actor: "' OR 1=1 --" }), []);
  });

  it('deletes the oldest, some at a time', async () => {
    const rows = [0, 1, 2, 3].map((i) => auditRow({ atMs: NOW + i, target: String(i) }));
    await store().writeAudit(rows, []);
    assert.equal(await store().pruneAudit(NOW + 3, 2), 2);
    assert.deepEqual(targets(await store().listAudit({ limit: 9 })), ['3', '2']);
    assert.equal(await store().pruneAudit(NOW + 3, 2), 1);
    assert.equal(await store().pruneAudit(NOW + 3, 2), 0);
  });
}
