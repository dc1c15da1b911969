import type { ServiceImpl } from '@connectrpc/connect';
import { WizError } from '../../proto/error.ts';
import { type Delivery, DeliveryState, type HookService } from '../../proto/gen/wiz/v1/hooks_pb.js';
import type { HookTarget } from '../hooks/target.ts';
import type { Manager } from '../manager.ts';
import type { DeliveryFilter, DeliveryRow, DeliveryState as StoredState } from '../store/deliveries.ts';
import { unary } from './errors.ts';
import { findRun } from './run-service.ts';

/** What hooks were told. */
export function hookService(manager: Manager): ServiceImpl<typeof HookService> {
  const { store } = manager;

  async function found(deliveryId: string) {
    const it = await store.getDelivery(deliveryId);
    if (it !== undefined) return it;
    throw new WizError(
      'not_found',
      `There is no delivery "${deliveryId}". wiz hooks deliveries shows what there is.`,
    );
  }

  return {
    listDeliveries: unary(async ({ runId, pipeline, states, pageSize, pageToken }) => {
      if (pageSize > 1000) throw new WizError('invalid_argument', 'A page holds at most 1000 deliveries.');
      const filter: DeliveryFilter = { limit: pageSize || 50 };
      if (runId !== '') filter.runId = (await findRun(manager, runId)).runId;
      if (pipeline !== '') filter.pipeline = pipeline;
      if (states.length > 0) filter.states = states.flatMap((state) => STORED[state] ?? []);
      if (pageToken !== '') filter.beforeId = pageToken;
      const rows = await store.listDeliveries(filter);
      return {
        deliveries: rows.map(deliveryOf),
        nextPageToken: rows.length === filter.limit ? rows.at(-1)!.deliveryId : '',
      };
    }),
    getDelivery: unary(async ({ deliveryId }) => {
      const { delivery, tries } = await found(deliveryId);
      return {
        delivery: deliveryOf(delivery),
        body: delivery.body,
        tries: tries.map(({ startedMs, ...rest }) => ({
          $typeName: 'wiz.v1.DeliveryTry' as const,
          startedUnixMs: startedMs,
          ...rest,
        })),
      };
    }),
    redeliver: unary(async ({ deliveryId }) => {
      await found(deliveryId);
      await store.redeliver(deliveryId, Date.now());
      manager.hooks.wake();
      return { delivery: deliveryOf((await found(deliveryId)).delivery) };
    }),
  };
}

const STORED: Record<number, StoredState> = {
  [DeliveryState.PENDING]: 'pending',
  [DeliveryState.ACKNOWLEDGED]: 'acknowledged',
  [DeliveryState.FAILED]: 'failed',
  [DeliveryState.DISABLED]: 'disabled',
};

const STATES: Record<StoredState, DeliveryState> = {
  pending: DeliveryState.PENDING,
  acknowledged: DeliveryState.ACKNOWLEDGED,
  failed: DeliveryState.FAILED,
  disabled: DeliveryState.DISABLED,
};

function deliveryOf(row: DeliveryRow): Delivery {
  return {
    $typeName: 'wiz.v1.Delivery',
    deliveryId: row.deliveryId,
    runId: row.runId,
    pipeline: row.pipeline,
    event: row.event,
    processor: row.processor,
    state: STATES[row.state],
    createdUnixMs: row.createdMs,
    tries: row.tries,
    nextUnixMs: row.state === 'pending' ? row.nextMs : 0,
    endedUnixMs: row.endedMs,
    error: row.error,
    target: targetWords(row.target),
  };
}

/** As it is written: expressions, and so secrets, not filled in. */
function targetWords(json: string): string {
  const { action } = JSON.parse(json) as HookTarget;
  if (action.kind === 'webhook') return action.url;
  return action.kind === 'command' ? action.argv.join(' ') : action.text.trim().split('\n')[0]!;
}

/** Warnings about hooks that could not be told of a run: nothing that the run itself depends on. */
export async function hookWarnings({ store }: Manager, runId: string): Promise<string[]> {
  const rows = await store.listDeliveries({ runId, troubled: true, limit: MOST_WARNINGS });
  return rows.reverse().map(({ deliveryId, event, processor, state, tries, error, target }) => {
    const about = processor === '' ? event : `${event} ${processor}`;
    const how = state === 'pending' ? `has not been told yet (try ${tries})` : `was not told (${state})`;
    const why = error || 'its receiver is gone.';
    return `The hook ${targetWords(target)} ${how} of ${about}: ${why} See wiz hooks show ${deliveryId}.`;
  });
}

/** More of a run say no more. */
const MOST_WARNINGS = 20;
