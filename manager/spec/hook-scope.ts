import { ANY, INTEGER, mapOfType, record, TEXT, type Type } from './expression-types.ts';

/** What the expressions of hooks see: the event and its run as they are told, see docs/hooks.md. */
export const HOOK_ROOTS: Readonly<Record<string, Type>> = {
  event: record({
    id: TEXT,
    name: TEXT,
    time: TEXT,
    processor: TEXT,
    attempt: INTEGER,
    state: TEXT,
    reason: TEXT,
    message: TEXT,
  }),
  run: record({
    id: TEXT,
    pipeline: TEXT,
    version: INTEGER,
    state: TEXT,
    reason: TEXT,
    message: TEXT,
    labels: mapOfType(TEXT),
    params: mapOfType(ANY),
    createdAt: TEXT,
    endedAt: ANY,
    processors: mapOfType(INTEGER),
    warnings: ANY,
    trigger: ANY,
  }),
};

export const HOOK_NAMES = ['event', 'run', 'params', 'secrets'];
