/**
 * What made a file and what was made of it, as trees: under a file the processors that made it (or used it), under
 * each of those what it read (or left), and so on; last, the processors that gave it a value (or took one from it).
 * What was shown is not shown again.
 */
import type { File } from '../../proto/gen/wiz/v1/data_pb.js';
import type { GetLineageResponse, LineageStep } from '../../proto/gen/wiz/v1/files_pb.js';
import type { Paint } from './paint.ts';
import { bytes, cut, dateTime } from './words.ts';

export interface LineageOptions {
  up: boolean;
  down: boolean;
  columns: number;
  paint: Paint;
}

const HASH_DIGITS = 12;
/** SHA-256 of nothing. */
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';
/** Processors shown under one file, and files under one processor. */
const BRANCHES = 20;

export function lineageLines({ file, up, down }: GetLineageResponse, options: LineageOptions): string[] {
  const { paint } = options;
  const start = file!.file!;
  const name = file!.path || start.name;
  const lines = [fileLine({ ...start, name }, paint)];
  if (options.up) {
    const lead = up.length > 0 ? 'Made by' : 'No run made it.';
    lines.push('', paint.bold(lead), ...branches(start.hash, up, 'outputs', 'inputs', options));
  }
  if (options.down) {
    const lead = down.length > 0 ? 'Used by' : 'No run used it.';
    lines.push('', paint.bold(lead), ...branches(start.hash, down, 'inputs', 'outputs', options));
  }
  return lines;
}

type Side = 'inputs' | 'outputs';
type Branch = { file: File } | { step: LineageStep; lead: string };

/** What stands before a processor that is there for a value. */
const VALUE: Record<Side, string> = { inputs: 'value of ', outputs: 'value to ' };

/** Steps are found by the files on their `near` side, and lead on to those on their `far` side. */
function branches(
  hash: string,
  steps: LineageStep[],
  near: Side,
  far: Side,
  { columns, paint }: LineageOptions,
): string[] {
  const byFile = stepsByFile(steps, near);
  const seen = new Set<LineageStep>();
  const lines: string[] = [];

  const makers = (hash: string): Branch[] => (byFile.get(hash) ?? []).map((step) => ({ step, lead: '' }));
  const show = (branch: Branch, head: string, below: string, runId: string) => {
    if ('file' in branch) {
      lines.push(paint.dim(head) + fileLine(branch.file, paint));
      return each(makers(branch.file.hash), below, runId);
    }
    const { step, lead } = branch;
    const again = seen.has(step) ? paint.dim('  (shown above)') : '';
    lines.push(paint.dim(head + lead) + stepLine(step, paint) + again);
    if (again) return;
    seen.add(step);
    const params = step.runId === runId ? '' : paramWords(step.paramsJson);
    if (params) lines.push(paint.dim(cut(`${below}  params ${params}`, columns)));
    const values = step.byValue.map((place) => ({ step: steps[place]!, lead: VALUE[far] }));
    each([...step[far].map((file) => ({ file })), ...values], below, step.runId);
  };
  const each = (list: Branch[], under: string, runId: string) => {
    const shown = list.slice(0, BRANCHES);
    for (const [i, one] of shown.entries()) {
      const last = i === list.length - 1;
      show(one, `${under}${last ? '└─ ' : '├─ '}`, `${under}${last ? '   ' : '│  '}`, runId);
    }
    if (list.length > BRANCHES) lines.push(paint.dim(`${under}└─ … and ${list.length - BRANCHES} more`));
  };
  each(makers(hash), '', '');
  return lines;
}

function stepsByFile(steps: LineageStep[], side: Side): Map<string, LineageStep[]> {
  const byFile = new Map<string, LineageStep[]>();
  for (const step of steps) {
    for (const hash of new Set(step[side].map((file) => file.hash))) {
      const list = byFile.get(hash);
      if (list) list.push(step);
      else byFile.set(hash, [step]);
    }
  }
  return byFile;
}

function stepLine(
  { processor, runId, pipeline, version, attempt, endedUnixMs }: LineageStep,
  paint: Paint,
): string {
  const of = version > 0 ? `${pipeline} v${version}` : pipeline;
  const tried = attempt > 1 ? `, attempt ${attempt}` : '';
  return `${paint.cyan(processor)}  run ${runId} of ${of}${tried}  ${paint.dim(dateTime(endedUnixMs))}`.trimEnd();
}

function fileLine(
  { name, hash, size, folder }: Pick<File, 'name' | 'hash' | 'size' | 'folder'>,
  paint: Paint,
): string {
  // Of a file on disk the size is not known.
  const sized = size > 0 || hash === EMPTY ? `  ${bytes(size)}` : '';
  return `${name}${folder ? '/' : ''}  ${paint.dim(hash.slice(0, HASH_DIGITS))}${sized}`.trimStart();
}

/** `root=packages depth=2`. */
function paramWords(json: string): string {
  const params = json === '' ? {} : (JSON.parse(json) as Record<string, unknown>);
  return Object.entries(params)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ');
}
