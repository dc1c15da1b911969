/** Looks at wiz itself: does the store open, does an executor start and work. */
import { create } from '@bufbuild/protobuf';
import { type Finding, fail, ok } from '../../proto/finding.ts';
import { RunState } from '../../proto/gen/wiz/v1/events_pb.js';
import { SourceFileSchema } from '../../proto/gen/wiz/v1/pipelines_pb.js';
import type { Api } from '../api.ts';
import { failureOf } from '../failure.ts';
import { followRun } from '../follow.ts';
import { duration } from '../render/words.ts';

const PIPELINE = 'name: doctor\nprocessors:\n  noop:\n    uses: noop\n    timeout: 30s\n';

export async function store(opening: Promise<Api>): Promise<Finding> {
  try {
    const { managerId, managers } = await (await opening).manager.getManager({});
    const others = managers.filter((manager) => manager.managerId !== managerId).length;
    return ok('store', others > 0 ? `opens; ${others} other manager(s) use it` : 'opens');
  } catch (error) {
    return fail('store', failureOf(error).message, 'Is the state folder whole? WIZ_HOME names another one.');
  }
}

/** Starts an executor, or uses a warm one, and runs a processor that does nothing. */
export async function executor(opening: Promise<Api>): Promise<Finding> {
  const name = 'executor';
  const advice = 'WIZ_DEBUG=1 wiz doctor shows more.';
  const started = performance.now();
  try {
    const { runs } = await opening;
    const content = Buffer.from(PIPELINE);
    const value = create(SourceFileSchema, { path: '<doctor>', content, baseDir: process.cwd() });
    const { run } = await runs.startRun({ target: { case: 'file', value }, labels: { doctor: 'true' } });
    const { runId } = run!;
    for await (const { events } of followRun(runs, { runId, afterSeq: 0, logTails: false })) {
      const end = events.map(({ event }) => event).findLast((event) => event.case === 'runEnded');
      if (end?.case !== 'runEnded') continue;
      if (end.value.state === RunState.SUCCEEDED) {
        return ok(name, `a no-op ran in ${duration(performance.now() - started)}`);
      }
      return fail(
        name,
        `the no-op failed: ${end.value.message || end.value.reason}`,
        `wiz runs get ${runId}`,
      );
    }
    return fail(name, 'the no-op did not end', `wiz runs get ${runId}`);
  } catch (error) {
    return fail(name, failureOf(error).message, advice);
  }
}
