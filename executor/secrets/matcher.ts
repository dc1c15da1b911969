/**
 * Finds all occurrences of many byte patterns in a stream, in one pass: the automaton of Aho and Corasick, with sparse
 * edges (18 bytes of memory for each byte of the patterns; a table of 256 for each state would make 50 MB of one
 * private key).
 *
 *   at the root --a byte that begins a pattern--> inside --a byte that goes on with none--> at the root
 *
 * At the root most bytes are not looked at: a table by the last two bytes of a window as long as the shortest pattern
 * says how far no pattern can begin (Wu and Manber). Inside, every byte is.
 */
export interface Matcher {
  cursor(): Cursor;
}

/** A place in one stream. */
export interface Cursor {
  /**
   * Goes on over `bytes`, whose first `from` bytes were seen before (those that `open` asked to keep). `found` is told of
   * stretches that matches cover without a gap, in order of the ends; each match is within one of them.
   */
  scan(bytes: Buffer, from: number, found: (start: number, end: number) => void): void;
  /** How many of the last bytes of `bytes`, which were scanned, may begin a match that ends later. */
  open(bytes: Buffer): number;
}

/** Longest window, in bytes. Longer ones skip further, and are looked through one by one at the end of lines. */
const WINDOW = 16;
/** Line breaks in a row (\r and \n each count) that a match may have inside, with `acrossLines`. */
const BREAKS = 2;
const LF = 10;
const CR = 13;

/** No pattern is empty. `acrossLines`: line breaks in the stream do not count, since encoders break lines where they are
 *  full; no pattern has one then. */
export function createMatcher(patterns: readonly Uint8Array[], acrossLines: boolean): Matcher {
  const trie = buildTrie(patterns);
  const skips = buildSkips(patterns);
  return { cursor: () => createCursor(trie, skips, acrossLines) };
}

function createCursor(trie: Trie, skips: Skips, acrossLines: boolean): Cursor {
  const { child, fail, depth, longest } = trie;
  let state = 0;
  let breaks = 0; // in a row, behind the last byte that counted

  return {
    scan(bytes, from, found) {
      const { length } = bytes;
      const whole = acrossLines ? createLineEnds(bytes) : () => length;
      let at = from;
      // The stretch that was found last, in bytes that count: how long it is, and how many came behind it.
      let start = 0;
      let long = 0;
      let behind = 0;
      while (at < length) {
        if (state === 0) {
          long = 0;
          at = skip(skips, bytes, at, whole(at));
        }
        const byte = bytes[at++]!;
        if (acrossLines && (byte === LF || byte === CR)) {
          if (++breaks > BREAKS) state = 0;
          continue;
        }
        breaks = 0;
        state = next(trie, state, byte);
        const match = longest[state]!;
        behind += 1;
        if (match === 0) continue;
        if (!acrossLines) {
          found(at - match, at);
          continue;
        }
        // A value that repeats itself has a match at every few bytes: no walk back for those that overlap the last.
        const known = long > 0 && match > behind && match <= long + behind;
        if (!known) start = before(bytes, at, match);
        long = known ? long + behind : match;
        behind = 0;
        found(start, at);
      }
    },
    open(bytes) {
      // What ends here and does not go on needs not be kept for itself, only for what begins in it.
      while (state !== 0 && child[state] === 0) state = fail[state]!;
      const counted = depth[state]!;
      return acrossLines && counted > 0 ? bytes.length - before(bytes, bytes.length, counted) : counted;
    },
  };
}

/** Where `count` bytes that are no line breaks, and end at `end`, begin. */
function before(bytes: Buffer, end: number, count: number): number {
  let at = end;
  for (let left = count; left > 0; ) {
    const byte = bytes[--at];
    if (byte !== LF && byte !== CR) left -= 1;
  }
  return at;
}

/** Where the next line break is, for places that only grow. */
function createLineEnds(bytes: Buffer): (at: number) => number {
  let lf = -1;
  let cr = -1;
  return (at) => {
    if (lf < at) lf = indexFrom(bytes, LF, at);
    if (cr < at) cr = indexFrom(bytes, CR, at);
    return lf < cr ? lf : cr;
  };
}

function indexFrom(bytes: Buffer, byte: number, at: number): number {
  const found = bytes.indexOf(byte, at);
  return found === -1 ? bytes.length : found;
}

// -- automaton -------------------------------------------------------------------------------------------

/** States are numbers, 0 the root. Edges of a state are a list: its child, and the siblings of that. */
interface Trie {
  /** Children of the root by byte; 0 is none. */
  root: Int32Array;
  byte: Uint8Array;
  child: Int32Array;
  sibling: Int32Array;
  /** The longest proper end of what led here that begins a pattern. */
  fail: Int32Array;
  depth: Int32Array;
  /** Bytes of the longest pattern that ends here; 0 is none. */
  longest: Int32Array;
}

function next(trie: Trie, from: number, byte: number): number {
  let state = from;
  while (state !== 0) {
    const to = edge(trie, state, byte);
    if (to !== 0) return to;
    state = trie.fail[state]!;
  }
  return trie.root[byte]!;
}

function edge({ child, sibling, byte: bytes }: Trie, state: number, byte: number): number {
  let to = child[state]!;
  while (to !== 0 && bytes[to] !== byte) to = sibling[to]!;
  return to;
}

function buildTrie(patterns: readonly Uint8Array[]): Trie {
  const most = patterns.reduce((sum, { length }) => sum + length, 1);
  const trie: Trie = {
    root: new Int32Array(256),
    byte: new Uint8Array(most),
    child: new Int32Array(most),
    sibling: new Int32Array(most),
    fail: new Int32Array(most),
    depth: new Int32Array(most),
    longest: new Int32Array(most),
  };
  let states = 1;
  for (const pattern of patterns) {
    let state = 0;
    for (const byte of pattern) {
      let to = state === 0 ? trie.root[byte]! : edge(trie, state, byte);
      if (to === 0) {
        to = states++;
        trie.byte[to] = byte;
        trie.depth[to] = trie.depth[state]! + 1;
        if (state === 0) trie.root[byte] = to;
        else {
          trie.sibling[to] = trie.child[state]!;
          trie.child[state] = to;
        }
      }
      state = to;
    }
    trie.longest[state] = pattern.length;
  }
  linkFailures(trie, states);
  return trie;
}

/** Breadth first: a state's failure is nearer to the root than the state. */
function linkFailures(trie: Trie, states: number): void {
  const { root, byte, child, sibling, fail, longest } = trie;
  const queue = new Int32Array(states);
  let end = 0;
  for (const state of root) if (state !== 0) queue[end++] = state;
  for (let at = 0; at < end; at++) {
    const state = queue[at]!;
    for (let to = child[state]!; to !== 0; to = sibling[to]!) {
      fail[to] = next(trie, fail[state]!, byte[to]!);
      if (longest[to] === 0) longest[to] = longest[fail[to]!]!;
      queue[end++] = to;
    }
  }
}

// -- skipping --------------------------------------------------------------------------------------------

interface Skips {
  /** 0 or 1: nothing can be skipped. */
  window: number;
  /** By the last two bytes of the window: how many places from its first on begin no pattern. */
  far: Uint8Array;
}

function buildSkips(patterns: readonly Uint8Array[]): Skips {
  const window = patterns.reduce((least, { length }) => Math.min(least, length), WINDOW);
  if (window < 2) return { window, far: new Uint8Array(0) };
  const far = new Uint8Array(65_536).fill(window - 1);
  for (const pattern of patterns) {
    for (let last = 1; last < window; last++) {
      const pair = (pattern[last - 1]! << 8) | pattern[last]!;
      far[pair] = Math.min(far[pair]!, window - 1 - last);
    }
  }
  return { window, far };
}

/** The first place from `at` on, in `bytes` before `end`, where a pattern may begin, as far as whole windows tell. */
function skip({ window, far }: Skips, bytes: Buffer, from: number, end: number): number {
  if (window < 2) return from;
  let at = from;
  const last = end - window;
  while (at <= last) {
    const by = far[(bytes[at + window - 2]! << 8) | bytes[at + window - 1]!]!;
    if (by === 0) break;
    at += by;
  }
  return at;
}
