/** `wiz run --plan`: what a run would do. Exit code 0 when nothing would run, 10 when something would. */
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type PlannedProcessor,
  type PlanRunResponse,
  PlanVerdict,
  type StartRunRequestSchema,
} from '../proto/gen/wiz/v1/runs_pb.js';
import type { Api } from './api.ts';
import { print, printJson } from './output.ts';
import { type Paint, paintFor } from './render/paint.ts';
import { type Column, table } from './render/table.ts';
import { count, cut, duration, oneLine } from './render/words.ts';
import { WOULD_RUN } from './usage.ts';

const VERDICT: Record<PlanVerdict, string> = {
  [PlanVerdict.UNSPECIFIED]: 'unknown',
  [PlanVerdict.RUN]: 'run',
  [PlanVerdict.CACHED]: 'cached',
  [PlanVerdict.SKIPPED]: 'skipped',
  [PlanVerdict.OPEN]: 'open',
};
const REASON_COLUMNS = 80;

/** Prints the plan; returns the exit code. */
export async function planRun(
  api: Pick<Api, 'runs'>,
  start: MessageInitShape<typeof StartRunRequestSchema>,
  options: { json: boolean },
): Promise<number> {
  const plan = await api.runs.planRun({ start });
  if (options.json) printJson(planJson(plan));
  else {
    const paint = paintFor(process.stdout);
    print([...table(plan.processors, columns(plan, paint), paint), '', summary(plan)].join('\n'));
  }
  return plan.processors.some(wouldRun) ? WOULD_RUN : 0;
}

/** What is open may run. */
function wouldRun({ verdict }: PlannedProcessor): boolean {
  return verdict !== PlanVerdict.CACHED && verdict !== PlanVerdict.SKIPPED;
}

function columns({ processors }: PlanRunResponse, paint: Paint): Column<PlannedProcessor>[] {
  const colours = { run: paint.cyan, cached: paint.green, skipped: paint.dim, open: paint.yellow };
  const instances = processors.some((one) => one.instances > 0);
  return [
    { title: 'PROCESSOR', text: ({ name }) => name },
    {
      title: 'VERDICT',
      text: ({ verdict }) => VERDICT[verdict],
      paint: ({ verdict }, text) => (colours[VERDICT[verdict] as keyof typeof colours] ?? paint.dim)(text),
    },
    ...(instances ? [{ title: 'INSTANCES', text: instancesOf, right: true }] : []),
    {
      title: 'EXPECTED',
      text: ({ expectedMs }) => (expectedMs < 0 ? '' : duration(expectedMs)),
      right: true,
    },
    { title: 'REASON', text: ({ reason }) => cut(oneLine(reason), REASON_COLUMNS) },
  ];
}

function instancesOf({ instances, cachedInstances }: PlannedProcessor): string {
  if (instances === 0) return '';
  const all = instances.toLocaleString('en');
  return cachedInstances > 0 ? `${all}, ${cachedInstances.toLocaleString('en')} cached` : all;
}

function summary({ processors, expectedMs }: PlanRunResponse): string {
  const total = count(processors.length, 'processor');
  const parts = [PlanVerdict.RUN, PlanVerdict.OPEN, PlanVerdict.CACHED, PlanVerdict.SKIPPED]
    .map((verdict) => [processors.filter((one) => one.verdict === verdict).length, VERDICT[verdict]] as const)
    .filter(([n]) => n > 0)
    .map(([n, word]) => `${n.toLocaleString('en')} ${word}`);
  const what = processors.some(wouldRun) ? total : `Nothing would run: ${total}`;
  const time = expectedMs > 0 ? `; about ${duration(expectedMs)}` : '';
  return `${what}${parts.length > 0 ? `, ${parts.join(', ')}` : ''}${time}`;
}

function planJson({ pipeline, processors, expectedMs }: PlanRunResponse): object {
  return {
    pipeline,
    expectedMs: expectedMs > 0 ? expectedMs : null,
    processors: processors.map(({ name, verdict, reason, instances, cachedInstances, expectedMs }) => ({
      name,
      verdict: VERDICT[verdict],
      reason,
      ...(instances > 0 && { instances, cachedInstances }),
      expectedMs: expectedMs < 0 ? null : expectedMs,
    })),
  };
}
