import assert from 'node:assert/strict';
import { it } from 'node:test';
import { RunState } from '../../../proto/gen/wiz/v1/events_pb.js';
import type { RunRow, Store } from '../store.ts';
import { commitOf, manager, NO_LIMITS, runRow } from './rows.ts';

export function commandTests(store: () => Store): void {
  async function newRun(managerId: string): Promise<RunRow> {
    const row = runRow({ managerId });
    await store().createRun(row, [], managerId);
    return row;
  }
  const messages = async (managerId: string) =>
    (await store().readCommands(managerId)).map(({ message }) => message);

  it('shows commands to the owner, in order, until they are removed', async () => {
    const row = await newRun('m1');
    for (const message of ['first', 'second']) {
      await store().sendCommand({ runId: row.runId, kind: 'cancel', message });
    }
    assert.deepEqual(await store().readCommands('m2'), []);
    const commands = await store().readCommands('m1');
    assert.deepEqual(
      commands.map(({ id: _, ...command }) => command),
      ['first', 'second'].map((message) => ({ runId: row.runId, kind: 'cancel', message })),
    );
    await store().removeCommands([commands[0]!.id]);
    assert.deepEqual(await messages('m1'), ['second']);
    // Whoever takes the run over before the journal has it reads it again.
    await store().claimRun(row.runId, 'm2', ['m2']);
    assert.deepEqual([await messages('m1'), await messages('m2')], [[], ['second']]);
  });

  it('refuses commands for runs that ended or are not there, and drops those that came too late', async () => {
    const row = await newRun('m1');
    await store().sendCommand({ runId: row.runId, kind: 'cancel', message: 'late' });
    const ended = commitOf(row, 1, { state: RunState.SUCCEEDED });
    await store().commit([ended], NO_LIMITS);
    const send = (runId: string) => store().sendCommand({ runId, kind: 'cancel', message: '' });
    await assert.rejects(send(row.runId), { code: 'failed_precondition' });
    await assert.rejects(send('0'.repeat(27)), { code: 'not_found' });
    await store().commit([commitOf(ended.row, 1, { state: RunState.RUNNING })], NO_LIMITS);
    assert.deepEqual(await store().readCommands('m1'), []);
  });
}

export function centreTests(store: () => Store): void {
  const claim = (managerId: string, ...living: string[]) =>
    store().claimCentre(managerId, living, 1_700_000_000_000);

  it('has one manager at a time, and a greater epoch with each term', async () => {
    assert.equal(await store().getCentre(), undefined);
    assert.deepEqual(await claim('m1', 'm1', 'm2'), { epoch: 1 });
    assert.deepEqual(await claim('m1', 'm1', 'm2'), { epoch: 1 });
    assert.equal(await claim('m2', 'm1', 'm2'), undefined);
    assert.deepEqual(await store().getCentre(), { managerId: 'm1', epoch: 1, startedMs: 1_700_000_000_000 });
    assert.deepEqual(await claim('m2', 'm2'), { epoch: 2 });
    await store().releaseCentre('m1');
    assert.equal((await store().getCentre())?.managerId, 'm2');
    await store().releaseCentre('m2');
    assert.equal(await store().getCentre(), undefined);
    assert.deepEqual(await store().listLeases('centre'), []);
    assert.deepEqual(await claim('m2', 'm1', 'm2'), { epoch: 3 });
  });

  it('goes on counting when the one that had it was removed', async () => {
    await store().heartbeat(manager('m1'));
    await claim('m1', 'm1');
    await store().removeManager('m1');
    assert.equal(await store().getCentre(), undefined);
    assert.deepEqual(await claim('m1', 'm1'), { epoch: 2 });
  });

  it('goes to one of many who ask at once', async () => {
    const ids = ['m1', 'm2', 'm3', 'm4'];
    const answers = await Promise.all(ids.map((id) => claim(id, ...ids)));
    assert.equal(answers.filter((answer) => answer !== undefined).length, 1);
  });

  it('lets nothing of a term that is over be written', async () => {
    const row = runRow({ state: RunState.SUCCEEDED });
    await store().createRun(row, [], null);
    await claim('m1', 'm1');
    await claim('m2', 'm2');
    await assert.rejects(store().deleteRuns([row.runId], 1), { code: 'aborted' });
    assert.ok(await store().getRun(row.runId));
    assert.deepEqual(await store().deleteRuns([row.runId], 2), [row.runId]);
    await store().releaseCentre('m2');
    await assert.rejects(store().deleteRuns(['another'], 2), { code: 'aborted' });
  });
}
