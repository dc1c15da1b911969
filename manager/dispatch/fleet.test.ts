import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { LoadSchema, WelcomeSchema } from '../../proto/gen/wiz/v1/executors_pb.js';
import { silentLog } from '../../proto/log.ts';
import type { ExecutorLoad } from '../engine/schedule.ts';
import type { Launcher } from '../launch/launcher.ts';
import { executorRow, until } from '../store/conformance/rows.ts';
import type { ExecutorRow } from '../store/store.ts';
import { createFleet } from './fleet.ts';
import type { FleetOptions } from './fleet-options.ts';
import type { ConnectOptions, SessionHandlers } from './session.ts';

/** A fleet whose sessions end when the test says so. */
function fleetOf(t: TestContext, rows: ExecutorRow[], starts: Launcher['starts'] = 'nothing') {
  const told: string[] = [];
  const ending: (() => void)[] = [];
  const executors = new Map<string, Partial<ExecutorLoad>>();
  const handlers: SessionHandlers[] = [];
  let ensure = async () => rows;
  const fleet = createFleet({
    managerId: 'm',
    loop: {
      runs: new Map(),
      executors,
      executorJoined: (executorId: string) => executors.set(executorId, { draining: false }),
      executorDraining: (executorId: string, draining: boolean) => executors.set(executorId, { draining }),
      executorSuspended() {},
      executorHolds() {},
    },
    launcher: {
      starts,
      ensure() {
        told.push('ensure');
        return ensure();
      },
      present: () => rows.filter(({ launcher }) => launcher === 'registered'),
      async close() {},
    },
    async connect(options: ConnectOptions) {
      told.push('connect');
      handlers.push(options.handlers);
      const session = {
        executorId: 'e1',
        slots: 1,
        send() {},
        close() {
          told.push('close');
          return new Promise<void>((resolve) => ending.push(resolve));
        },
      };
      return { session, welcome: create(WelcomeSchema, { executorId: 'e1', fileStoreId: 'f' }) };
    },
    files: { id: 'f' },
    listExecutors: async () => rows,
    failed() {},
    log: silentLog,
  } as unknown as FleetOptions);
  t.after(() => fleet.close());
  return {
    fleet,
    told,
    handlers,
    executors,
    failToEnsure() {
      ensure = async () => {
        throw new Error('it does not start');
      };
    },
    endSessions() {
      for (const end of ending.splice(0)) end();
    },
  };
}

test('no session begins while the one before still carries what was sent', async (t) => {
  const { fleet, told, endSessions } = fleetOf(t, [executorRow({ launcher: 'registered' })]);
  await fleet.refresh();
  await until(() => fleet.joined().length === 1);
  const flushed = fleet.flush(['e1']).then(() => told.push('flushed'));
  await until(() => told.includes('close'));
  // A heartbeat, and another run that is given away.
  await fleet.refresh();
  const again = fleet.flush(['e1']).then(() => told.push('flushed'));
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(told, ['connect', 'close']);
  endSessions();
  await until(() => told.filter((it) => it === 'close').length === 2);
  endSessions();
  await Promise.all([flushed, again]);
});

test('a local executor that drains makes room for another', async (t) => {
  const { fleet, told, handlers, executors } = fleetOf(t, [executorRow()], 'always');
  fleet.ensure();
  await until(() => executors.has('e1'));
  await fleet.refresh();
  assert.deepEqual(told, ['ensure', 'connect']);
  handlers[0]!.load('e1', create(LoadSchema, { draining: true }), []);
  await fleet.refresh();
  assert.deepEqual(told, ['ensure', 'connect', 'ensure']);
});

test('close waits for no try that is to come', async (t) => {
  const { fleet, told, failToEnsure } = fleetOf(t, [], 'always');
  failToEnsure();
  fleet.ensure();
  // The waits before the fourth try have passed: the next is 2 s.
  await until(() => told.length === 4);
  await new Promise((resolve) => setImmediate(resolve));
  await fleet.close();
  assert.equal(told.length, 4);
});
