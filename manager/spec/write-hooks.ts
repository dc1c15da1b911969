import { formatDuration } from './durations.ts';
import type { HookSpec } from './hook-spec.ts';
import type { JsonObject } from './spec.ts';
import type { TriggerSpec } from './trigger-spec.ts';

/** Hooks and triggers in the words of the file. */

export function writeHook({ on, processors, action, timeoutMs }: HookSpec): JsonObject {
  const what = { on, ...(processors.length > 0 && { processors }) };
  const timeout = formatDuration(timeoutMs);
  switch (action.kind) {
    case 'webhook': {
      const { url, secret, headers } = action;
      return { ...what, webhook: { url, headers, timeout, ...(secret !== null && { secret }) } };
    }
    case 'command':
      return { ...what, command: action.argv, timeout };
    case 'script':
      return { ...what, run: action.text, shell: action.shell, timeout };
  }
}

export function writeTrigger({ schedule, params, overlap, catchUp, paused }: TriggerSpec): JsonObject {
  const when: JsonObject =
    schedule.kind === 'every'
      ? { every: formatDuration(schedule.everyMs) }
      : { cron: schedule.cron, timeZone: schedule.timeZone };
  return { schedule: when, params, overlap, catchUp, paused };
}
