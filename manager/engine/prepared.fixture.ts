import type { Task } from '../graph/processor-node.ts';
import { loopInHand } from './loop.fixture.ts';
import type { LoopGround } from './loop-ground.ts';
import type { Prepared, ReadyAction, Unready } from './preparation.ts';
import type { RunMachine } from './run.ts';

export const action: ReadyAction = {
  action: { case: 'call', value: { $typeName: 'wiz.v1.Call', uses: 'noop', withJson: '' } },
  environment: {},
  inputJson: '',
  needs: [],
  secrets: [],
  inputs: [],
};
export const start: Prepared = { kind: 'start', action, cache: undefined };
export const list = (
  count: number,
  actionOf: (index: number) => ReadyAction | Unready = () => action,
): Prepared => ({
  kind: 'expand',
  count,
  actionOf,
});
export const reuse: Prepared = {
  kind: 'reuse',
  cache: {
    $typeName: 'wiz.v1.CacheDecision',
    key: 'k',
    verdict: 'reused',
    reason: '',
    runId: 'r',
    attempt: 1,
    parts: {},
  },
  output: undefined,
  context: {},
  files: [],
  inputs: [],
};

export type Answers = Record<string, Prepared | (() => Prepared | Promise<Prepared>)>;

/** A loop with one executor, whose questions are answered by name; of an instance by its own name or its processor's. */
export function preparedWorld(defer: LoopGround['defer'], turns: () => Promise<void>, answers: Answers) {
  const asked: string[] = [];
  const prepare = (_run: RunMachine, task: Task) => {
    asked.push(task.name);
    const answer = answers[task.name] ?? answers[task.node.name] ?? start;
    return typeof answer === 'function' ? answer() : answer;
  };
  const hand = loopInHand(defer, turns, prepare);
  hand.loop.executorJoined('e1', 4, () => true);
  return { ...hand, asked };
}

/** What `cache: true` stands for. */
export const CACHE = { inputs: [], env: [], version: '', key: '' };
