/**
 * Stays with a run that this process started, until the run has ended or is left to somebody else.
 *
 * The first Ctrl-C asks the run to cancel and waits for its end: exit 1. The second leaves it, still cancelling,
 * to a background manager (a run of a daemon: to the daemon) and ends at once: exit 130. SIGTERM and SIGHUP (a closed terminal) do not cancel: the
 * run goes on under a background manager, and the exit code is 128 and the signal's number. When the reader of the
 * output goes away, the run is waited for in silence.
 */
import { constants } from 'node:os';
import { RunState } from '../proto/gen/wiz/v1/events_pb.js';
import type { Api } from './api.ts';
import { endingLines } from './ending.ts';
import { note, onBrokenPipe, print } from './output.ts';
import { paintFor } from './render/paint.ts';
import { type Mode, showRun } from './show.ts';
import { RUN_FAILED } from './usage.ts';

/** Signals are heard from here on, so that one which comes while the run is being started is not lost. Returns the
 *  exit code. */
export async function attend(
  api: Api,
  options: { starting: Promise<{ runId: string }>; mode: Mode; afterSeq?: number },
): Promise<number> {
  const { starting, mode } = options;
  const notes: string[] = [];
  const tell = (text: string) => (mode === 'tree' ? notes.push(text) : note(`wiz: ${text}`));
  api.onTrouble(tell);
  using leaving = whenTold({
    cancel() {
      tell(`Cancelling the run. Ctrl-C again leaves it to ${api.keeper}.`);
      const cancelled = starting.then(({ runId }) => api.runs.cancelRun({ runId, message: BY_CTRL_C }));
      // It may have ended meanwhile; that it could not be started is told elsewhere.
      cancelled.catch(() => {});
    },
  });
  const { runId } = await starting;
  onBrokenPipe(() => {});
  const shown = showRun(api, { ...options, runId, notes, signal: leaving.signal });
  const exitCode = await Promise.race([leaving.exitCode, shown.then(() => undefined)]);
  const run = await shown;
  if (exitCode !== undefined && run.state === RunState.RUNNING) {
    note(`wiz: The run goes on without this terminal: wiz runs watch ${runId}`);
    await api.close({ handOver: true });
    return exitCode;
  }
  if (mode !== 'json') {
    const lines = await endingLines(api, run, paintFor(process.stdout));
    print(lines.join('\n'));
  }
  return run.state === RunState.SUCCEEDED ? 0 : RUN_FAILED;
}

/** Kept with a run that was cancelled. */
export const BY_CTRL_C = 'cancelled with Ctrl-C';

/** Hears signals. `exitCode` is settled once this process is to leave the run. */
export function whenTold(options: { cancel(): void }) {
  const controller = new AbortController();
  const { promise: exitCode, resolve } = Promise.withResolvers<number>();
  let interrupts = 0;
  const leave = (signal: NodeJS.Signals) => {
    // Asked before, and whatever that waits for takes too long.
    if (controller.signal.aborted) process.exit(128 + constants.signals[signal]);
    resolve(128 + constants.signals[signal]);
    controller.abort();
  };
  const listeners: [NodeJS.Signals, () => void][] = [
    ['SIGINT', () => (++interrupts === 1 ? options.cancel() : leave('SIGINT'))],
    ['SIGTERM', () => leave('SIGTERM')],
    ['SIGHUP', () => leave('SIGHUP')],
  ];
  for (const [signal, listener] of listeners) process.on(signal, listener);
  return {
    exitCode,
    signal: controller.signal,
    [Symbol.dispose]() {
      for (const [signal, listener] of listeners) process.off(signal, listener);
    },
  };
}
