import type { Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { relay } from '../relay.ts';

/**
 * A way to PostgreSQL that knows what passes (its protocol, version 3), and breaks at a commit point: the end of a
 * statement or transaction that stores something of a run. Points are counted from `arm` on:
 *
 *   open --point n--> `before`: it does not get there     --> hit, broken
 *                     `after`: it is done, no answer comes --> hit, broken
 */
export interface PostgresWay {
  /** The address with this way in it. */
  readonly address: string;
  /** What the points were that passed since `arm`, the first words of each. */
  readonly points: readonly string[];
  readonly isHit: boolean;
  /** `hit` is called before anything else happens; then the connection breaks, and the others stay. */
  arm(point: number, when: 'before' | 'after', hit?: () => void): void;
  disarm(): void;
}

/** Statements that store something of runs: their journal, logs, and owners. Not the heartbeat, which comes by the clock. */
const STORING = /^\s*(WITH |INSERT INTO log_chunks|UPDATE runs )/;
const BEGIN = /^\s*begin/i;
const COMMIT = /^\s*commit/i;
const ROLLBACK = /^\s*rollback/i;

interface Request {
  isMarked: boolean;
}

/** Goes with the test. */
export async function postgresWay(t: Pick<TestContext, 'after'>, address: string): Promise<PostgresWay> {
  let armed: { point: number; when: 'before' | 'after'; hit: () => void } | undefined;
  let points: string[] = [];
  let isHit = false;

  /** Whether this is the point at which it breaks. */
  function count(text: string): boolean {
    if (armed === undefined) return false;
    points.push(text.trim().slice(0, 60));
    return points.length === armed.point;
  }

  function joined(near: Socket, far: Socket): void {
    const waiting: Request[] = [];
    const statements = new Map<string, string>();
    let bound = '';
    let inTransaction = false;
    let isBroken = false;

    function breakHere(): void {
      const { hit } = armed!;
      armed = undefined;
      isHit = true;
      isBroken = true;
      hit();
      near.resetAndDestroy();
      far.resetAndDestroy();
    }

    /** A request is whole: whether it passes. */
    function asked(text: string): boolean {
      const isEnd = COMMIT.test(text) && inTransaction;
      if (BEGIN.test(text)) inTransaction = true;
      else if (COMMIT.test(text) || ROLLBACK.test(text)) inTransaction = false;
      const isPoint = (isEnd || (!inTransaction && STORING.test(text))) && count(text);
      if (isPoint && armed!.when === 'before') {
        breakHere();
        return false;
      }
      waiting.push({ isMarked: isPoint });
      return true;
    }

    function fromNear(type: string, body: Buffer): boolean {
      if (type === 'P') {
        const [name, text] = textsOf(body, 2);
        statements.set(name!, text!);
      } else if (type === 'B') {
        const [, name] = textsOf(body, 2);
        bound = statements.get(name!) ?? '';
      } else if (type === 'Q') return asked(textsOf(body, 1)[0]!);
      else if (type === 'S') return asked(bound);
      return true;
    }

    function fromFar(type: string): boolean {
      const isMarked = waiting[0]?.isMarked === true;
      if (type === 'Z') waiting.shift();
      if (isMarked && type === 'Z') breakHere();
      return !isMarked;
    }

    const isOver = () => isBroken;
    pass(near, far, true, isOver, fromNear);
    pass(far, near, false, isOver, fromFar);
  }

  const way = new URL(address);
  const { port } = await relay(t, { host: way.hostname, port: Number(way.port) }, { joined });
  way.port = `${port}`;
  return {
    address: way.href,
    get points() {
      return points;
    },
    get isHit() {
      return isHit;
    },
    arm(point, when, hit = () => {}) {
      points = [];
      isHit = false;
      armed = { point, when, hit };
    },
    disarm() {
      armed = undefined;
    },
  };
}

/** Whole messages pass, one after the other, if they may. The first one of a client has no type. */
function pass(
  from: Socket,
  to: Socket,
  startsBare: boolean,
  isOver: () => boolean,
  may: (type: string, body: Buffer) => boolean,
): void {
  let rest: Buffer = Buffer.alloc(0);
  let isBare = startsBare;
  from.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const head = isBare ? 0 : 1;
      if (rest.length < head + 4) return;
      const end = head + rest.readUInt32BE(head);
      if (rest.length < end) return;
      const message = rest.subarray(0, end);
      rest = rest.subarray(end);
      const passes = isBare || may(String.fromCharCode(message[0]!), message.subarray(5));
      isBare = false;
      if (isOver()) return;
      if (passes) to.write(message);
    }
  });
  from.on('end', () => to.end());
}

/** The first texts of a message, each with a zero at its end. */
function textsOf(body: Buffer, count: number): string[] {
  const texts: string[] = [];
  for (let at = 0; texts.length < count; ) {
    const end = body.indexOf(0, at);
    texts.push(body.toString('utf8', at, end));
    at = end + 1;
  }
  return texts;
}
