/** Deliveries of hooks, as lists and one by one. */
import {
  type Delivery,
  DeliveryState,
  type DeliveryTry,
  type GetDeliveryResponse,
} from '../../proto/gen/wiz/v1/hooks_pb.js';
import type { Column } from './table.ts';
import { dateTime, duration } from './words.ts';

export const DELIVERY_STATE: Record<DeliveryState, string> = {
  [DeliveryState.UNSPECIFIED]: 'unknown',
  [DeliveryState.PENDING]: 'pending',
  [DeliveryState.ACKNOWLEDGED]: 'acknowledged',
  [DeliveryState.FAILED]: 'failed',
  [DeliveryState.DISABLED]: 'disabled',
};

export function deliveryColumns(nowMs: number): Column<Delivery>[] {
  return [
    { title: 'DELIVERY', text: ({ deliveryId }) => deliveryId },
    { title: 'STATE', text: ({ state }) => DELIVERY_STATE[state] },
    { title: 'EVENT', text: eventWords },
    { title: 'PIPELINE', text: ({ pipeline }) => pipeline },
    { title: 'TRIES', text: ({ tries }) => String(tries), right: true },
    { title: 'CREATED', text: ({ createdUnixMs }) => dateTime(createdUnixMs) },
    { title: 'NEXT', text: ({ nextUnixMs }) => nextWords(nextUnixMs, nowMs) },
    { title: 'ERROR', text: ({ error }) => error },
  ];
}

function eventWords({ event, processor }: Delivery): string {
  return processor === '' ? event : `${event} ${processor}`;
}

function nextWords(nextUnixMs: number, nowMs: number): string {
  if (nextUnixMs === 0) return '';
  return nextUnixMs <= nowMs ? 'now' : `in ${duration(nextUnixMs - nowMs)}`;
}

/** One with every try and what was sent. */
export function deliveryLines({ delivery, tries, body }: GetDeliveryResponse, nowMs: number): string[] {
  const it = delivery!;
  const next = nextWords(it.nextUnixMs, nowMs);
  return [
    `${it.deliveryId}  ${DELIVERY_STATE[it.state]}${next === '' ? '' : `, next try ${next}`}`,
    `  ${eventWords(it)} of run ${it.runId} (${it.pipeline}), ${dateTime(it.createdUnixMs)}`,
    `  to ${it.target}`,
    '',
    ...tries.flatMap(tryLines),
    ...(tries.length > 0 ? [''] : []),
    JSON.stringify(JSON.parse(body), null, 2),
  ];
}

function tryLines({ attempt, startedUnixMs, durationMs, status, error, output }: DeliveryTry): string[] {
  const took = durationMs < 0 ? 'no answer yet' : duration(durationMs);
  const said = durationMs < 0 ? '' : `  ${error || `acknowledged (${status})`}`;
  const line = `  try ${attempt}  ${dateTime(startedUnixMs)}  ${took}${said}`;
  return output.trim() === ''
    ? [line]
    : [
        line,
        ...output
          .trimEnd()
          .split('\n')
          .map((text) => `    ${text}`),
      ];
}
