import type { Event } from '../../proto/gen/wiz/v1/events_pb.js';
import type { Report, RunAttempts } from '../../proto/gen/wiz/v1/executors_pb.js';
import type { Task } from '../graph/processor-node.ts';
import { createLoop, type Outgoing } from './loop.ts';
import type { LoopGround } from './loop-ground.ts';
import type { Prepared } from './preparation.ts';
import type { RunMachine } from './run.ts';

type Commit = Awaited<ReturnType<LoopGround['commit']>>;

/** A loop whose time, commits and messages are in the hands of the test. */
export function loopInHand(
  defer: LoopGround['defer'],
  turns: () => Promise<void>,
  prepare: (run: RunMachine, task: Task) => Prepared | Promise<Prepared> = () => {
    throw new Error('nothing is to be prepared');
  },
) {
  const sent: { executorId: string; outgoing: Outgoing }[] = [];
  const timers = new Set<{ ms: number; ring: () => void }>();
  const told: string[] = [];
  const journal: Event[] = [];
  const commits: { seqs: number[]; answer: PromiseWithResolvers<Commit> }[] = [];
  let held = false;
  let now = 10_000;
  const loop = createLoop({
    commit(runs) {
      const answer = Promise.withResolvers<Commit>();
      commits.push({ seqs: runs.flatMap(({ events }) => events.map(({ seq }) => seq)), answer });
      if (!held) answer.resolve({ fenced: [] });
      return answer.promise;
    },
    permits: null,
    prepare: (run, tasks) => tasks.map((task) => prepare(run, task)),
    conclude: async () => ({ kind: 'kept', files: [], records: [] }),
    now: () => now,
    chance: () => 0,
    defer,
    timer(ms, ring) {
      const timer = { ms, ring };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    send: (executorId, outgoing) => void sent.push({ executorId, outgoing }),
    committed(run, events) {
      told.push(...events.map(({ event }) => `${run.runId} ${event.case}`));
      journal.push(...events);
    },
    fenced: (runId) => void told.push(`${runId} fenced`),
    storeFailing: (error) => void told.push(error === undefined ? 'store works' : error.message),
    needExecutor: () => void told.push('need executor'),
  });
  const groups = (kind: 'cancels' | 'acks') =>
    sent.flatMap(({ outgoing }) => outgoing[kind].flatMap((group: RunAttempts) => names(group)));
  const names = ({ runId, epoch, attempts }: RunAttempts) =>
    attempts.map(({ processor, attempt }) => `${runId}@${epoch}/${processor}#${attempt}`);
  return {
    loop,
    sent,
    told,
    /** Events of all runs that are committed. */
    journal,
    commits,
    /** From here on commits wait for the test. */
    hold: () => {
      held = true;
    },
    /** Answers the commit that waits, and all that come after. */
    release(fenced: string[] = []) {
      held = false;
      commits.at(-1)!.answer.resolve({ fenced });
    },
    fail(message: string) {
      held = false;
      commits.at(-1)!.answer.reject(new Error(message));
    },
    /** Rings the timer that is set. */
    async ring() {
      const [timer] = timers;
      if (timer === undefined || timers.size > 1) throw new Error(`${timers.size} timers are set`);
      timers.delete(timer);
      now += timer.ms;
      timer.ring();
      await turns();
    },
    assigned: () =>
      sent.flatMap(({ executorId, outgoing }) =>
        outgoing.assignments.flatMap(({ runId, assignments }) =>
          assignments.map(({ processor, attempt }) => `${executorId} ${runId}/${processor}#${attempt}`),
        ),
      ),
    cancelled: () => groups('cancels'),
    acknowledged: () => groups('acks'),
    tell: (told: Report, runId = 'run', epoch = 1, executorId = 'e1') =>
      loop.reports(executorId, [{ $typeName: 'wiz.v1.RunReports', runId, epoch, reports: [told] }]),
  };
}
