import type { Load } from '../../proto/gen/wiz/v1/executors_pb.js';
import { type Executor, ExecutorState } from '../../proto/gen/wiz/v1/managers_pb.js';
import { describeExecutor } from '../dispatch/calls.ts';
import { dialOf } from '../dispatch/dial.ts';
import type { Standing } from '../dispatch/standing.ts';
import { allLoads } from '../executor-loads.ts';
import type { Manager } from '../manager.ts';
import type { ExecutorRow } from '../store/store.ts';

/** Executors as the API shows them. */

/** What is known of an executor just now. */
interface Seen {
  joined: boolean;
  load: Load | undefined;
  /** Why it does not answer; undefined when it does. */
  problem: string | undefined;
  /** 0 is unknown. */
  sinceMs: number;
}

/** Milliseconds for an answer: whoever asks for a list waits for the slowest. */
const ANSWER_MS = 2000;

/** Local executors that are gone are left out: they ended because nothing needed them. */
export async function viewExecutors(manager: Manager): Promise<Executor[]> {
  const rows = await manager.store.listExecutors();
  const loads = allLoads(manager);
  const views = await Promise.all(rows.map((row) => viewExecutor(manager, row, loads)));
  return views.filter(({ reachable, launcher }) => reachable || launcher !== 'local');
}

/** `loads` is allLoads, where many are looked at; by default as it is after the executor has answered. */
export async function viewExecutor(
  manager: Manager,
  row: ExecutorRow,
  loads?: ReadonlyMap<string, number>,
): Promise<Executor> {
  const seen = await look(manager, row);
  const { load, problem } = seen;
  const running = problem === undefined ? runningOn(row, seen, loads ?? allLoads(manager)) : 0;
  const state = stateOf(row, seen, running);
  return {
    $typeName: 'wiz.v1.Executor',
    executorId: row.executorId,
    address: row.address,
    pid: row.pid,
    version: row.version,
    slots: row.slots,
    running,
    startedUnixMs: row.startedMs,
    launcher: row.launcher,
    reachable: problem === undefined,
    name: row.name,
    labels: row.labels,
    state,
    stateSinceUnixMs: isDraining(state) && row.drainingMs > 0 ? row.drainingMs : seen.sinceMs,
    message: problem ?? '',
    ...(load && { load }),
    hostname: row.hostname,
    tls: row.tls !== null,
  };
}

/** From the session, where there is one; otherwise it is asked. */
async function look(manager: Manager, row: ExecutorRow): Promise<Seen> {
  const standing = manager.fleet.standing(row.executorId);
  const joined = standing?.state === 'joined';
  // Before its first heartbeat in this session it is asked, too.
  if (joined && standing.load !== undefined) return { joined, ...known(standing), problem: undefined };
  if (row.launcher === 'local') {
    const alive = (await manager.launcher.inspect(row)) === 'alive';
    return { joined: false, load: undefined, problem: alive ? undefined : 'It has ended.', sinceMs: 0 };
  }
  try {
    const answer = await describeExecutor({ ...dialOf(row), timeoutMs: ANSWER_MS });
    const isIt = answer.executorId === row.executorId;
    const problem = isIt ? undefined : `Another executor, ${answer.executorId}, answers at its address.`;
    return { joined, load: answer.load, problem, sinceMs: standing?.sinceMs ?? 0 };
  } catch (error) {
    const { message } = error as Error;
    // What a command was given, and nobody listens there any more.
    if (row.launcher === 'remote' && /ECONNREFUSED|ENOENT/.test(message)) {
      await manager.store.removeExecutor(row.executorId);
    }
    const before = standing === undefined ? { load: undefined, sinceMs: 0 } : known(standing);
    return { joined: false, ...before, problem: message };
  }
}

function known({ load, sinceMs }: Standing): { load: Load | undefined; sinceMs: number } {
  return { load, sinceMs };
}

/** One that is to take nothing has drained when nothing of it runs, or it is gone: it was asked to end then. */
function stateOf(
  { drainingMs }: ExecutorRow,
  { joined, load, problem }: Seen,
  running: number,
): ExecutorState {
  if (drainingMs > 0) {
    return problem === undefined && running > 0 ? ExecutorState.DRAINING : ExecutorState.DRAINED;
  }
  if (problem !== undefined) return ExecutorState.UNHEALTHY;
  if (load?.draining) return ExecutorState.DRAINING;
  return joined ? ExecutorState.JOINED : ExecutorState.UP;
}

function isDraining(state: ExecutorState): boolean {
  return state === ExecutorState.DRAINING || state === ExecutorState.DRAINED;
}

/** What this store's managers know of at once, and the executor itself at its next heartbeat. Of one that drains the more
 *  counts: whoever takes it away must not be told too early that it has nothing any more. */
function runningOn(
  { executorId, drainingMs }: ExecutorRow,
  { joined, load }: Seen,
  loads: ReadonlyMap<string, number>,
): number {
  const own = loads.get(executorId) ?? 0;
  if (load === undefined) return own;
  if (drainingMs > 0) return Math.max(own, load.running);
  return joined ? own : load.running;
}
