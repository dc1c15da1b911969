import type { Clock } from './clock.ts';
import type { SimExecutor } from './executor.ts';
import type { SimManager } from './manager.ts';
import type { Random } from './random.ts';

/** One session between a manager and an executor: messages arrive in order, each way, after some time. What has
 *  not arrived when it breaks never does, and the two ends notice at different times. */
export interface Link {
  readonly serial: number;
  readonly manager: SimManager;
  readonly executor: SimExecutor;
  readonly broken: boolean;
  toExecutor(arrive: () => void): void;
  toManager(arrive: () => void): void;
  /** By chance, by a death, or by either end. */
  break(): void;
}

/** Virtual milliseconds. */
const LATENCY_MS = 3;
const NOTICED_MS = 20;

export function createLinks(clock: Clock, random: Random) {
  const all = new Set<Link>();
  let serial = 0;

  function open(manager: SimManager, executor: SimExecutor): Link {
    const arrivals = { executor: 0, manager: 0 };
    let broken = false;
    function deliver(to: 'executor' | 'manager', arrive: () => void): void {
      if (broken) return;
      arrivals[to] = Math.max(arrivals[to], clock.now() + random.int(0, LATENCY_MS));
      clock.after(arrivals[to] - clock.now(), () => {
        if (!broken) arrive();
      });
    }
    const link: Link = {
      serial: ++serial,
      manager,
      executor,
      get broken() {
        return broken;
      },
      toExecutor: (arrive) => deliver('executor', arrive),
      toManager: (arrive) => deliver('manager', arrive),
      break() {
        if (broken) return;
        broken = true;
        all.delete(link);
        clock.after(random.int(0, NOTICED_MS), () => executor.disowned(link));
        clock.after(random.int(0, NOTICED_MS), () => manager.broken(link));
      },
    };
    all.add(link);
    return link;
  }

  return { open, all };
}
