import { hostname } from 'node:os';
import { machineId } from '../proto/machine-id.ts';
import { isSameProcess, processStart } from './launch/process-identity.ts';
import { createLiveness } from './liveness.ts';
import type { ManagerRow, Store } from './store/store.ts';

/** Milliseconds between heartbeats. */
export const HEARTBEAT_MS = 1000;
/** Milliseconds of silence after which a manager counts as dead. On the same machine a dead process is seen at once; this
 *  is for one that hangs. A tick over 100,000 processors blocks for about a second. */
export const MANAGER_TTL_MS = 15_000;
/** The same for daemons, where it is how long the runs of a machine that was lost stand still. Ten heartbeats: a
 *  false alarm costs a takeover, in which nothing is lost but some seconds. */
const DAEMON_TTL_MS = 10_000;
/** Milliseconds before the end of its own time at which a manager no longer counts on it. */
const MARGIN_MS = 2 * HEARTBEAT_MS;

/** This process as a manager of the store. */
export interface Membership {
  readonly managerId: string;
  /** Managers that live, this one among them. Those that do not are removed, which frees what they held. */
  look(): Promise<readonly ManagerRow[]>;
  /** Their ids. */
  living(): Promise<string[]>;
  /** Managers that lived at the last look. */
  readonly peers: readonly ManagerRow[];
  /** Whether others still take this one for living, as far as it knows: its heart has beaten lately. */
  readonly holds: boolean;
  /** Changes what it says of itself, and says so at once. */
  tell(change: Partial<Pick<ManagerRow, 'url' | 'draining'>>): Promise<void>;
  leave(): Promise<void>;
}

export interface MembershipOptions {
  store: Store;
  managerId: string;
  kind: ManagerRow['kind'];
  roles: ManagerRow['roles'];
  /** What goes with each heartbeat. */
  state(): Pick<ManagerRow, 'runs' | 'loads'>;
  /** After each heartbeat. */
  onBeat(): void;
  /** It was taken for dead, and all it held was freed. It is there again, as before, and holds nothing. */
  onRejoin(): void;
}

export async function joinManagers(options: MembershipOptions): Promise<Membership> {
  const { store, managerId, kind, roles } = options;
  const ttlMs = kind === 'daemon' ? DAEMON_TTL_MS : MANAGER_TTL_MS;
  const row: ManagerRow = {
    managerId,
    kind,
    pid: process.pid,
    pidStart: processStart(process.pid),
    hostname: hostname(),
    machine: machineId(),
    startedMs: Date.now(),
    heartbeatMs: 0,
    expiresMs: 0,
    roles,
    draining: false,
    url: '',
    runs: 0,
    loads: {},
  };
  const liveness = createLiveness({
    managerId,
    machine: row.machine,
    heartbeatMs: HEARTBEAT_MS,
    steady: () => performance.now(),
    clock: Date.now,
    isProcess: isSameProcess,
  });
  let peers: readonly ManagerRow[] = [row];
  let beatenMs = 0;
  let left = false;
  let beating: Promise<void> = Promise.resolve();

  async function beat(): Promise<void> {
    if (left) return;
    const startedMs = performance.now();
    // A clock that was set back must not make it look as if the heart stood still.
    const heartbeatMs = Date.now() === row.heartbeatMs ? row.heartbeatMs + 1 : Date.now();
    Object.assign(row, options.state(), { heartbeatMs, expiresMs: heartbeatMs + ttlMs });
    const isFirst = beatenMs === 0;
    const wasThere = await store.heartbeat({ ...row });
    beatenMs = startedMs;
    if (!wasThere && !isFirst) options.onRejoin();
  }

  /** One after the other, whoever asks. */
  function beatNext(): Promise<void> {
    const next = beating.then(beat);
    beating = next.catch(() => {});
    return next;
  }

  await beatNext();
  let pending = false;
  const timer = setInterval(() => {
    if (pending) return;
    pending = true;
    // A store that is full for a while must not end the manager: the loop reports it.
    beatNext()
      .then(options.onBeat, () => {})
      .finally(() => {
        pending = false;
      });
  }, HEARTBEAT_MS).unref();

  let looking: Promise<readonly ManagerRow[]> | undefined;

  /** Those who ask while it is read share one read. */
  function look(): Promise<readonly ManagerRow[]> {
    looking ??= read().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  async function read(): Promise<readonly ManagerRow[]> {
    const rows = await store.listManagers();
    const dead = new Set<string>();
    for (const other of liveness.deadOf(rows)) {
      if (await store.removeManager(other.managerId, other.heartbeatMs)) dead.add(other.managerId);
    }
    const there = rows.filter((other) => !dead.has(other.managerId));
    // Until its next heartbeat its row may be gone; to itself it lives.
    const others = there.filter((other) => other.managerId !== managerId);
    peers = [...others, row];
    return peers;
  }

  return {
    managerId,
    look,
    living: async () => (await look()).map((other) => other.managerId),
    get peers() {
      return peers;
    },
    get holds() {
      return performance.now() - beatenMs < ttlMs - MARGIN_MS;
    },
    async tell(change) {
      Object.assign(row, change);
      await beatNext();
    },
    async leave() {
      left = true;
      clearInterval(timer);
      await beating;
      await store.removeManager(managerId);
    },
  };
}

/** Whether a row is that of a manager which lives, for who has seen it only once: its process, or its time. */
export function seemsAlive(row: ManagerRow): boolean {
  if (row.machine === machineId()) return isSameProcess(row.pid, row.pidStart);
  return row.expiresMs > Date.now();
}
