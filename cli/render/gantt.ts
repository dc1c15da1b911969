/**
 * A timeline drawn for a terminal: a function of the rows, the time and the width, and of nothing else.
 *
 *   audit v2  2yx…  Failed  4.0s
 *          │0s        │1s        │2s        │3s
 *   list   ░██████                                     0.6s
 *   fetch        ░░░███✖     ░██████████████✖          1.9s  exit-code, 2 attempts
 */
import { ProcessorState, type RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Run } from '../../proto/gen/wiz/v1/runs_pb.js';
import { axisTicks } from './axis.ts';
import type { Paint } from './paint.ts';
import { pipelineOf, runPaint, runStateOf } from './runs.ts';
import { type Span, type TimelineRow, timesOf } from './timeline.ts';
import { count, cut, duration, width } from './words.ts';

export interface GanttOptions {
  /** Unix ms. */
  nowMs: number;
  columns: number;
  paint: Paint;
}

/** Shares of the width that names and words may take; the bars have the rest. */
const NAME_SHARE = 0.3;
const WORDS_SHARE = 0.35;
const LEAST_BAR_COLUMNS = 10;

const QUEUE = '░';
const RUN = '█';
const FAILURE = '✖';
const CACHED = '↺';
const SKIPPED = '⊘';
const LEGEND: [string, string][] = [
  [QUEUE, 'waits'],
  [RUN, 'runs'],
  [FAILURE, 'failed'],
  [CACHED, 'cached'],
  [SKIPPED, 'skipped'],
];

export function ganttLines(run: Run, rows: readonly TimelineRow[], options: GanttOptions): string[] {
  const { columns, paint, nowMs } = options;
  const words = rows.map(wordsOf);
  const names = most(
    rows.map(({ name }) => width(name)),
    Math.floor(columns * NAME_SHARE),
  );
  const right = most(words.map(width), Math.floor(columns * WORDS_SHARE));
  const bars = Math.max(LEAST_BAR_COLUMNS, columns - names - right - 4);
  const scale = scaleOf(run, rows, nowMs, bars);
  const used = new Set<string>();
  const lines = rows.map((row, index) => {
    const name = cut(row.name, names);
    const bar = barOf(row, scale, paint);
    for (const { glyph } of bar) used.add(glyph);
    const painted = joined(bar);
    const text = rowPaint(row, paint)(cut(words[index]!, right));
    return `${name}${' '.repeat(names - width(name))}  ${painted}  ${text}`.trimEnd();
  });
  const legend = LEGEND.filter(([glyph]) => used.has(glyph)).map((pair) => pair.join(' '));
  return [
    headerOf(run, options),
    paint.dim(`${' '.repeat(names)}  ${axisOf(scale)}`),
    ...lines,
    ...(legend.length > 0 ? [paint.dim(cut(legend.join('   '), columns))] : []),
  ];
}

function most(widths: readonly number[], limit: number): number {
  return Math.min(
    limit,
    widths.reduce((largest, one) => Math.max(largest, one), 0),
  );
}

function headerOf(run: Run, { columns, paint, nowMs }: GanttOptions): string {
  const took = duration((run.endedUnixMs || nowMs) - run.createdUnixMs);
  const [title, id, state] = [pipelineOf(run), run.runId, runStateOf(run)];
  if (width(title) + id.length + state.length + took.length + 6 > columns)
    return cut(`${title}  ${id}`, columns);
  return [paint.bold(title), paint.dim(id), runPaint(run.state as RunState, paint)(state), took].join('  ');
}

// -- time and place --------------------------------------------------------------------------------------

interface Scale {
  fromMs: number;
  /** Milliseconds from the beginning to the end, at least 1. */
  lengthMs: number;
  cells: number;
}

function scaleOf(run: Run, rows: readonly TimelineRow[], nowMs: number, cells: number): Scale {
  const fromMs = run.createdUnixMs;
  let untilMs = run.endedUnixMs || nowMs;
  for (const { spans } of rows) for (const { endedMs } of spans) untilMs = Math.max(untilMs, endedMs);
  return { fromMs, lengthMs: Math.max(1, untilMs - fromMs), cells };
}

/** The cell that a time is in. */
function cellOf({ fromMs, lengthMs, cells }: Scale, unixMs: number): number {
  const cell = Math.floor(((unixMs - fromMs) / lengthMs) * cells);
  return Math.min(cells - 1, Math.max(0, cell));
}

function axisOf({ lengthMs, cells }: Scale): string {
  let text = '';
  for (const { atMs, label } of axisTicks(lengthMs, cells)) {
    const at = Math.floor((atMs / lengthMs) * cells);
    const mark = `│${label}`;
    if (at < text.length || at + mark.length > cells) continue;
    text = text.padEnd(at) + mark;
  }
  return text;
}

// -- one row ---------------------------------------------------------------------------------------------

interface Cell {
  glyph: string;
  paint: (text: string) => string;
}

const plain = (text: string) => text;
const EMPTY: Cell = { glyph: ' ', paint: plain };

function barOf(row: TimelineRow, scale: Scale, paint: Paint): Cell[] {
  const bar: Cell[] = Array.from({ length: scale.cells }, () => EMPTY);
  for (const span of row.spans) drawSpan(bar, span, scale, row, paint);
  if (row.spans.length === 0 && row.readyMs > 0) {
    const glyph = row.reason === 'cached' ? CACHED : row.reason === 'skipped' ? SKIPPED : '';
    if (glyph !== '') bar[cellOf(scale, row.readyMs)] = { glyph, paint: rowPaint(row, paint) };
  }
  return bar;
}

function drawSpan(bar: Cell[], span: Span, scale: Scale, row: TimelineRow, paint: Paint): void {
  const queued = cellOf(scale, span.queuedMs);
  const first = cellOf(scale, span.startedMs);
  // A span that ends where a cell begins has nothing of that cell; each has one at least.
  const last = Math.max(first, cellOf(scale, span.endedMs - 0.001));
  for (let at = queued; at < first; at++) {
    if (bar[at] === EMPTY) bar[at] = { glyph: QUEUE, paint: paint.dim };
  }
  const colour = spanPaint(span, row, paint);
  for (let at = first; at <= last; at++) {
    // The failure before stays to be seen, unless there is no other cell.
    if (bar[at]!.glyph === FAILURE && at < last) continue;
    bar[at] = { glyph: RUN, paint: colour };
  }
  if (span.state === ProcessorState.FAILED) bar[last] = { glyph: FAILURE, paint: colour };
}

function spanPaint({ state }: Span, { warning }: TimelineRow, paint: Paint): Cell['paint'] {
  if (state === ProcessorState.FAILED) return warning ? paint.yellow : paint.red;
  return state === ProcessorState.SUCCEEDED ? paint.green : paint.cyan;
}

/** Cells of one colour are painted together. */
function joined(bar: readonly Cell[]): string {
  let text = '';
  for (let at = 0; at < bar.length; ) {
    const { paint } = bar[at]!;
    let part = '';
    for (; at < bar.length && bar[at]!.paint === paint; at++) part += bar[at]!.glyph;
    text += paint(part);
  }
  return text;
}

/** What stands behind a bar: how long it ran, and what the bar does not say. */
function wordsOf(row: TimelineRow): string {
  const { reason, state, spans, instances, warning } = row;
  const took = spans.length > 0 ? duration(timesOf(row, 0).runMs) : '';
  const said: string[] = [];
  if (warning) said.push('warning');
  // Of instances their number says it.
  if (reason !== '' && reason !== 'succeeded' && reason !== 'instances-failed') said.push(reason);
  else if (state === ProcessorState.RUNNING) said.push('running');
  if (spans.length > 1) said.push(count(spans.length, 'attempt'));
  if (instances !== undefined) {
    const { idle, running, failed, succeeded } = instances;
    said.push(`×${(idle + running + failed + succeeded).toLocaleString('en')}`);
    if (failed > 0) said.push(`${failed.toLocaleString('en')} failed`);
  }
  return [took, said.join(', ')].filter(Boolean).join('  ');
}

function rowPaint({ state, reason, warning }: TimelineRow, paint: Paint): (text: string) => string {
  if (warning) return paint.yellow;
  if (state === ProcessorState.FAILED) return paint.red;
  if (state === ProcessorState.RUNNING) return paint.cyan;
  return state === ProcessorState.IDLE || reason === 'cached' ? paint.dim : plain;
}
