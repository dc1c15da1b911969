/** Shows a run until it has ended: the live tree on a terminal, plain lines in a pipe, JSON lines on request. */
import { RunState } from '../proto/gen/wiz/v1/events_pb.js';
import type { WatchRunResponse } from '../proto/gen/wiz/v1/runs_pb.js';
import type { Api } from './api.ts';
import { followRun } from './follow.ts';
import { write } from './output.ts';
import { eventJson } from './render/jsonlines.ts';
import { eventLines } from './render/lines.ts';
import { type Paint, paintFor } from './render/paint.ts';
import { createScreen } from './render/screen.ts';
import { treeLines } from './render/tree.ts';
import { applyEvent, emptyRun, type RunView, rowOf } from './render/view.ts';

/** Milliseconds between two pictures of the tree: ten a second. */
const FRAME_MS = 100;
/** Lines of the tree that stays on the screen at the end, on a terminal that is lower. */
const FINAL_ROWS = 60;

export type Mode = 'tree' | 'lines' | 'json';

export function modeFor(json: boolean): Mode {
  if (json) return 'json';
  return process.stdout.isTTY && process.env.TERM !== 'dumb' ? 'tree' : 'lines';
}

export interface Show {
  runId: string;
  mode: Mode;
  /** Events up to this number are known already: they make the picture, but no lines. */
  afterSeq?: number;
  /** Lines under the tree; may grow meanwhile. */
  notes?: string[];
  signal?: AbortSignal;
}

/** Returns the run as it was last seen: ended, unless the signal came first. */
export async function showRun(api: Pick<Api, 'runs'>, show: Show): Promise<RunView> {
  const run = emptyRun();
  const paint = paintFor(process.stdout);
  const picture = show.mode === 'tree' ? livePicture(run, paint, show.notes ?? []) : undefined;
  const request = { runId: show.runId, afterSeq: 0, logTails: show.mode === 'tree' };
  try {
    for await (const response of followRun(api.runs, request, show.signal)) {
      const lines = apply(run, response, show, paint);
      if (lines.length > 0) await write(process.stdout, `${lines.join('\n')}\n`);
    }
  } catch (error) {
    if (!show.signal?.aborted) throw error;
  } finally {
    picture?.finish();
  }
  return run;
}

function apply(run: RunView, response: WatchRunResponse, show: Show, paint: Paint): string[] {
  const lines: string[] = [];
  for (const event of response.events) {
    if (!applyEvent(run, event) || show.mode === 'tree') continue;
    if (event.seq > 0 && event.seq <= (show.afterSeq ?? 0)) continue;
    if (show.mode === 'json') lines.push(eventJson(event, run));
    else lines.push(...eventLines(event, run, paint));
  }
  for (const { processor, attempt, line } of response.tails) {
    const shown = rowOf(run, processor);
    if (shown?.attempt === attempt) shown.tail = line;
  }
  return lines;
}

function livePicture(run: RunView, paint: Paint, notes: string[]) {
  const { stdout } = process;
  const screen = createScreen(stdout);
  const draw = (rows: number) => {
    // Nothing is known before the first event. The last column stays free: writing there wraps on some terminals.
    if (run.runId === '') return;
    screen.draw(
      treeLines(run, { nowMs: Date.now(), columns: (stdout.columns ?? 80) - 1, rows, paint, notes }),
    );
  };
  const live = () => draw((stdout.rows ?? 24) - 1);
  const timer = setInterval(live, FRAME_MS);
  stdout.on('resize', live);
  // Whatever ends the process, the cursor comes back.
  process.once('exit', screen.release);
  return {
    finish() {
      clearInterval(timer);
      stdout.off('resize', live);
      if (run.state !== RunState.RUNNING) notes.length = 0;
      draw(Math.max((stdout.rows ?? 24) - 1, FINAL_ROWS));
      screen.release();
      process.off('exit', screen.release);
    },
  };
}
