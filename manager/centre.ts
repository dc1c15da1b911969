import type { Membership } from './ownership.ts';
import type { ManagerRow, Store } from './store/store.ts';

/**
 * The centre: what one manager at a time does for all of them (pruning, schedules). Seen from one manager:
 *
 *   aside --nobody living has it--> centre (a term, with an epoch of its own) --work ends--> aside
 *
 * A term ends when another manager has the centre, when this one drains, and when its heart has not beaten for so long that
 * others may take it for dead. Its signal is aborted then. Who stood still and does not know yet may go on for a moment:
 * what it writes names its epoch, and the store refuses that of a term which is over (`Store.deleteRuns`).
 *
 * Only daemons that own runs are the centre; a store without a daemon has none.
 */
export interface Centre {
  /** Starts this work at the beginning of each term, from now on; it is to end when the signal is aborted. Work that ends
   *  before is not started again in the same term. */
  onCentre(work: CentreWork): void;
  /** Undefined while this manager is not the centre. */
  readonly term: Term | undefined;
  /** At each heartbeat, and whenever managers may have changed. */
  look(): Promise<void>;
  /** Ends the term, waits for the work, and gives the centre to whoever wants it. None begins afterwards. */
  leave(): Promise<void>;
}

export type CentreWork = (term: Term) => Promise<void>;

export interface Term {
  /** Greater than that of any term before, of whatever manager. */
  readonly epoch: number;
  readonly signal: AbortSignal;
}

export interface CentreOptions {
  store: Pick<Store, 'claimCentre' | 'releaseCentre'>;
  managerId: string;
  membership(): Membership;
  note(message: string): void;
}

export function createCentre(options: CentreOptions): Centre {
  const { store, managerId, note } = options;
  const works: CentreWork[] = [];
  const running = new Set<Promise<void>>();
  let current: { term: Term; ending: AbortController } | undefined;
  let leaving = false;
  let turn: Promise<void> = Promise.resolve();

  function start(work: CentreWork, term: Term): void {
    const done = Promise.resolve()
      .then(() => work(term))
      .catch((error) => {
        if (!term.signal.aborted) note(`work of the centre failed: ${error}`);
      })
      .finally(() => running.delete(done));
    running.add(done);
  }

  function end(why: string): void {
    if (current === undefined) return;
    note(`term ${current.term.epoch} of the centre is over: ${why}`);
    current.ending.abort(new Error(why));
    current = undefined;
  }

  async function look(): Promise<void> {
    if (leaving) return;
    const membership = options.membership();
    if (!membership.holds) return end('the store was not reached for too long');
    const living = membership.peers.map((peer) => peer.managerId);
    const claimed = await store.claimCentre(managerId, living, Date.now());
    if (claimed?.epoch === current?.term.epoch) return;
    end('another manager has it');
    // What the term before has left goes first: one at a time, here too.
    await Promise.all(running);
    if (claimed === undefined) return;
    const ending = new AbortController();
    const term: Term = { epoch: claimed.epoch, signal: ending.signal };
    current = { term, ending };
    note(`term ${term.epoch} of the centre begins`);
    for (const work of works) start(work, term);
  }

  return {
    onCentre(work) {
      works.push(work);
      if (current !== undefined) start(work, current.term);
    },
    get term() {
      return current?.term;
    },
    look() {
      // Seen at once, also when the store does not answer.
      if (current !== undefined && !options.membership().holds) end('the store was not reached for too long');
      turn = turn.then(look).catch((error) => note(`the centre was not looked after: ${error}`));
      return turn;
    },
    async leave() {
      leaving = true;
      await turn;
      const had = current !== undefined;
      end('this manager leaves');
      await Promise.all(running);
      if (had) await store.releaseCentre(managerId);
    },
  };
}

/** Whether a manager may be the centre. */
export function mayBeCentre({ kind, roles }: Pick<ManagerRow, 'kind' | 'roles'>): boolean {
  return kind === 'daemon' && roles.includes('runs');
}
