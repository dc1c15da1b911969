import { parseDuration } from './durations.ts';
import type { HookAction, HookSpec } from './hook-spec.ts';
import { paramText } from './params.ts';
import type { HookFile } from './schema/hooks.ts';
import type { ScheduleFile, TriggerFile } from './schema/triggers.ts';
import type { JsonValue } from './spec.ts';
import { dailyCron } from './times-of-day.ts';
import { triggerNames } from './trigger-names.ts';
import type { ScheduleSpec, TriggerSpec } from './trigger-spec.ts';

/** Hooks and triggers of a checked file, with their defaults; docs/pipeline.md lists the same. */

const WEBHOOK_TIMEOUT_MS = 10_000;
const COMMAND_TIMEOUT_MS = 30_000;

export function buildHook(file: HookFile): HookSpec {
  const timeout = file.webhook?.timeout ?? file.timeout;
  const standard = file.webhook === undefined ? COMMAND_TIMEOUT_MS : WEBHOOK_TIMEOUT_MS;
  return {
    on: list(file.on) as HookSpec['on'],
    processors: list(file.processors),
    action: buildAction(file),
    timeoutMs: timeout === undefined ? standard : parseDuration(timeout)!,
  };
}

function buildAction({ webhook, command, run, shell }: HookFile): HookAction {
  if (command !== undefined) return { kind: 'command', argv: command.map(String) };
  if (webhook === undefined) return { kind: 'script', text: run!, shell: shell ?? 'bash' };
  const headers = Object.entries(webhook.headers ?? {}).map(([name, value]) => [name, String(value)]);
  const { url, secret = null } = webhook;
  return { kind: 'webhook', url: url.trim(), secret, headers: Object.fromEntries(headers) };
}

export function buildTriggers(files: readonly TriggerFile[]): TriggerSpec[] {
  const names = triggerNames(files);
  const triggers = files.map((file, index) => ({
    name: names[index]!,
    schedule: buildSchedule(typeof file.schedule === 'string' ? { cron: file.schedule } : file.schedule),
    params: Object.fromEntries(
      Object.entries(file.params ?? {}).map(([name, value]) => [name, paramText(value as JsonValue)]),
    ),
    overlap: file.overlap ?? 'skip',
    catchUp: file.catchUp ?? 'last',
    paused: file.paused ?? false,
  }));
  // Their order says nothing.
  return triggers.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function buildSchedule({ cron, every, at, days, timeZone: zone }: Partial<ScheduleFile>): ScheduleSpec {
  const timeZone = zone ?? null;
  if (every !== undefined) return { kind: 'every', everyMs: parseDuration(every)! };
  if (at !== undefined) return { kind: 'cron', cron: dailyCron(at, list(days)), timeZone };
  return { kind: 'cron', cron: cron!.trim().replaceAll(/\s+/g, ' '), timeZone };
}

function list(value: string | string[] | undefined): string[] {
  return typeof value === 'string' ? [value] : (value ?? []);
}
