import type { SpawnerStats } from './frames.ts';
import {
  createSpawnerClient,
  type SpawnedEvents,
  type SpawnerClient,
  type SpawnerOptions,
} from './spawner-client.ts';

/**
 * One spawner, and soon a second one beside it. posix_spawn holds its caller until the program
 * has begun, so one spawner starts one program at a time: through the whole system, on two cores, 1,410 times
 * /bin/true a second with one spawner and 1,590 with two (a warm manager, 8 slots). Each takes
 * 67 MB. The second is used when it is ready and the first has more to do.
 */
export function createSpawnerPool(options: SpawnerOptions = {}): SpawnerClient {
  const first = createSpawnerClient(options);
  let second: SpawnerClient | undefined;
  const live = new Map<SpawnerClient, number>([[first, 0]]);

  let closed = false;

  function startSecond(): void {
    if (second !== undefined || closed) return;
    second = createSpawnerClient(options);
    live.set(second, 0);
    second.warm();
  }

  function choose(): SpawnerClient {
    if (second === undefined) {
      if (live.get(first)! >= MANY) startSecond();
      return first;
    }
    return second.ready() === undefined && live.get(second)! < live.get(first)! ? second : first;
  }

  return {
    spawn(request, events) {
      const spawner = choose();
      live.set(spawner, live.get(spawner)! + 1);
      return spawner.spawn(
        request,
        counted(events, () => live.set(spawner, live.get(spawner)! - 1)),
      );
    },
    warm() {
      first.warm();
      setTimeout(startSecond, SECOND_AFTER_MS).unref();
    },
    ready: first.ready,
    async stats() {
      const all = await Promise.all([...live.keys()].map((spawner) => spawner.stats()));
      return all.reduce(sum);
    },
    async close() {
      closed = true;
      await Promise.all([...live.keys()].map((spawner) => spawner.close()));
    },
  };
}

/** Programs at once from which a second spawner is started at once. */
const MANY = 4;
/** Milliseconds after the first at which the second is started anyway: after a short `wiz run` is over, and before
 *  many programs come, from which its start would take 80 ms of both cores. */
const SECOND_AFTER_MS = 400;

function counted(events: SpawnedEvents, ended: () => void): SpawnedEvents {
  return {
    output: (stream, data) => events.output(stream, data),
    exited(exit) {
      ended();
      events.exited(exit);
    },
    refused(code) {
      ended();
      events.refused(code);
    },
    lost(message) {
      ended();
      events.lost(message);
    },
  };
}

function sum(a: SpawnerStats, b: SpawnerStats): SpawnerStats {
  const total = { ...a };
  for (const key of Object.keys(a) as (keyof SpawnerStats)[]) {
    if (key !== 'pid' && typeof a[key] === 'number')
      Object.assign(total, { [key]: a[key] + (b[key] as number) });
  }
  return total;
}
