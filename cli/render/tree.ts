/**
 * The live view of a run: a function of the model, the time and the size of the terminal, and of nothing else.
 *
 * While the processors fit the terminal they are drawn as a tree. When they do not, the ones that need looking at
 * come first (failed, running, waiting for another attempt), and the rest is counted. Instances of a processor are
 * counted in its line; the few that need looking at stand under it when there is room.
 */
import { ProcessorState, RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { endedOf, instanceWords } from './instances.ts';
import { layout } from './layout.ts';
import type { Paint } from './paint.ts';
import type { ProcessorView, RunView } from './view.ts';
import {
  attemptOf,
  cacheWords,
  count,
  cut,
  duration,
  glyph,
  oneLine,
  PROCESSOR_STATE,
  RUN_STATE,
  width,
} from './words.ts';

export interface TreeOptions {
  /** Milliseconds since 1970. */
  nowMs: number;
  columns: number;
  /** Most lines that may be drawn. */
  rows: number;
  paint: Paint;
  /** Lines for people under the tree, for example that Ctrl-C was heard. */
  notes?: readonly string[];
}

const SPINNER = [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'];
const SPINNER_STEP_MS = 100;
const BAR_COLUMNS = 16;
/** Names longer than this do not push the other columns further to the right. */
const NAME_COLUMNS = 40;
/** Instances that stand under their processor. */
const INSTANCE_ROWS = 6;
/** Milliseconds after which a running instance is worth a line: short ones would make the picture jump. */
const INSTANCE_SHOWN_MS = 500;

export function treeLines(run: RunView, options: TreeOptions): string[] {
  const notes = (options.notes ?? []).map((text) => options.paint.yellow(cut(text, options.columns)));
  const room = Math.max(1, options.rows - 1 - notes.length);
  const fits = run.processors.size <= room;
  const body = fits ? tree(run, options, room) : mostImportant(run, options, room);
  return [header(run, options), ...body, ...notes];
}

function header(run: RunView, { nowMs, columns, paint }: TreeOptions): string {
  const total = run.processors.size;
  const done = run.counts[ProcessorState.SUCCEEDED];
  const version = run.version > 0 ? ` v${run.version}` : '';
  return compose(
    [
      [`${run.pipeline}${version}`, paint.bold],
      [`  ${run.runId}  `, paint.dim],
      [
        RUN_STATE[run.state] + (run.cancelRequested && run.state === RunState.RUNNING ? ', cancelling' : ''),
        runPaint(run, paint),
      ],
      [`  ${duration((run.endedMs || nowMs) - run.createdMs)}`],
      [`  ${done.toLocaleString('en')} of ${count(total, 'processor')} done`],
      [run.skipped > 0 ? `, ${run.skipped.toLocaleString('en')} skipped` : ''],
    ],
    columns,
  );
}

function tree(run: RunView, options: TreeOptions, room: number): string[] {
  let spare = room - run.processors.size;
  const rows = layout([...run.processors.values()]).flatMap(({ name, prefix }) => {
    const processor = run.processors.get(name)!;
    const instances = instancesToShow(processor, Math.min(spare, INSTANCE_ROWS), options.nowMs);
    spare -= instances.length;
    const under = `${prefix.replace('├─ ', '│  ').replace('└─ ', '   ')}  `;
    return [
      { shown: processor, name, prefix },
      ...instances.map((shown) => ({ shown, name: shown.name.slice(name.length), prefix: under })),
    ];
  });
  const names = nameColumns(rows.map(({ prefix, name }) => prefix.length + width(name)));
  return rows.map(({ shown, name, prefix }) => line({ ...shown, name }, prefix, names, options));
}

/** Those that failed, wait for another attempt, or have run for a while. */
function instancesToShow({ instances, state }: ProcessorView, most: number, nowMs: number): ProcessorView[] {
  const open = state === ProcessorState.RUNNING || state === ProcessorState.FAILED;
  if (!instances || !open || most <= 0) return [];
  const shown: ProcessorView[] = [];
  for (const rows of [instances.failed, instances.waiting, instances.running]) {
    for (const row of rows.values()) {
      if (shown.length === most) return shown;
      // The next ones started later.
      if (rows === instances.running && nowMs - row.startedMs < INSTANCE_SHOWN_MS) break;
      shown.push(row);
    }
  }
  return shown;
}

function mostImportant(run: RunView, options: TreeOptions, room: number): string[] {
  const shown = pick(run, room - 1);
  const names = nameColumns(shown.map(({ name }) => width(name)));
  const rest = { ...run.counts };
  for (const { state } of shown) rest[state]--;
  const words = [ProcessorState.FAILED, ProcessorState.RUNNING, ProcessorState.IDLE, ProcessorState.SUCCEEDED]
    .filter((state) => rest[state] > 0)
    .map((state) => `${rest[state].toLocaleString('en')} ${PROCESSOR_STATE[state].toLowerCase()}`);
  const more = compose([[`… and ${words.join(', ')}`, options.paint.dim]], options.columns);
  return [...shown.map((processor) => line(processor, '', names, options)), more];
}

/** The first `room` processors by how much they need looking at, each kind in the order of the file. */
function pick(run: RunView, room: number): ProcessorView[] {
  const kinds: ProcessorView[][] = [[], [], [], [], []];
  for (const processor of run.processors.values()) {
    const kind = kinds[importance(processor)]!;
    if (kind.length < room) kind.push(processor);
  }
  return kinds.flat().slice(0, Math.max(0, room));
}

function importance({ state, warning, retryMs }: ProcessorView): number {
  if (state === ProcessorState.FAILED) return warning ? 2 : 0;
  if (state === ProcessorState.RUNNING) return 1;
  if (state === ProcessorState.IDLE) return retryMs > 0 ? 2 : 3;
  return 4;
}

function nameColumns(widths: number[]): number {
  return Math.min(
    NAME_COLUMNS,
    widths.reduce((most, one) => Math.max(most, one), 0),
  );
}

function line(processor: ProcessorView, prefix: string, names: number, options: TreeOptions): string {
  const { paint, nowMs, columns } = options;
  const { state } = processor;
  const colour = statePaint(processor, paint);
  const gap = ' '.repeat(Math.max(0, names - prefix.length - width(processor.name)));
  return compose(
    [
      [prefix, paint.dim],
      [`${symbol(processor, nowMs)} `, colour],
      [`${processor.name}${gap}  `],
      [PROCESSOR_STATE[state].padEnd(9), colour],
      [` ${time(processor, nowMs).padStart(7)}`],
      ...details(processor, options),
    ],
    columns,
  );
}

function details(processor: ProcessorView, { paint, nowMs }: TreeOptions): Segment[] {
  const { state, reason, message, progress, progressMessage, tail, retryMs, instances, cache } = processor;
  const segments: Segment[] = [];
  const add = (text: string, colour?: Segment[1]) => text && segments.push([`  ${text}`, colour]);
  add(attemptOf(processor), paint.yellow);
  if (state === ProcessorState.RUNNING) {
    if (instances && instances.count > 0) add(bar(endedOf(instances) / instances.count), paint.cyan);
    else if (progress >= 0) add(bar(progress), paint.cyan);
    if (instances) add(instanceWords(instances));
    add(oneLine(progressMessage));
    add(oneLine(tail), paint.dim);
  } else {
    if (processor.warning) add('warning', paint.yellow);
    add(reason === 'succeeded' ? '' : reason, statePaint(processor, paint));
    if (instances) add(instanceWords(instances));
    if (reason === 'cached' && cache) add(cacheWords(cache), paint.dim);
    if (state !== ProcessorState.SUCCEEDED && message !== reason) add(oneLine(message), paint.dim);
    if (state === ProcessorState.IDLE && retryMs > 0)
      add(`again in ${duration(retryMs - nowMs)}`, paint.yellow);
  }
  return segments;
}

/** ████████░░░░░░░░  50% */
function bar(fraction: number): string {
  const part = Math.min(1, fraction);
  const full = Math.round(part * BAR_COLUMNS);
  return `${'█'.repeat(full)}${'░'.repeat(BAR_COLUMNS - full)} ${String(Math.floor(part * 100)).padStart(3)}%`;
}

function time({ state, startedMs, endedMs }: ProcessorView, nowMs: number): string {
  if (startedMs === 0) return '';
  if (state === ProcessorState.RUNNING) return duration(nowMs - startedMs);
  return endedMs === 0 ? '' : duration(endedMs - startedMs);
}

function symbol(processor: ProcessorView, nowMs: number): string {
  if (processor.state !== ProcessorState.RUNNING || processor.warning) return glyph(processor);
  return SPINNER[Math.floor(nowMs / SPINNER_STEP_MS) % SPINNER.length]!;
}

function statePaint({ state, warning }: ProcessorView, paint: Paint): Segment[1] {
  if (warning) return paint.yellow;
  if (state === ProcessorState.SUCCEEDED) return paint.green;
  if (state === ProcessorState.FAILED) return paint.red;
  return state === ProcessorState.RUNNING ? paint.cyan : paint.dim;
}

function runPaint({ state }: RunView, paint: Paint): Segment[1] {
  if (state === RunState.SUCCEEDED) return paint.green;
  return state === RunState.FAILED ? paint.red : paint.cyan;
}

/** Text, and its colour. */
type Segment = [string, ((text: string) => string)?];

/** Joins the segments, cut to so many columns. */
function compose(segments: Segment[], columns: number): string {
  let left = columns;
  let text = '';
  for (const [part, colour] of segments) {
    if (left <= 0) break;
    const visible = cut(part, left);
    left -= width(visible);
    text += colour ? colour(visible) : visible;
  }
  return text.trimEnd();
}
