import type { Complaint } from './explain.ts';
import { didYouMean, type NearestFinder } from './nearest.ts';
import type { Path } from './subject.ts';

/** More cycles than this help nobody; the rest shows when these are gone. */
const MAX_CYCLES = 20;
/** Names of one cycle that are written out. */
const MAX_NAMES = 20;

interface Need {
  name: string;
  path: Path;
}

/**
 * What is wrong with `needs`: processors that do not exist, that need themselves, are named twice, or wait for
 * each other in a cycle. Takes processors as they stand in the file, whatever their shape. Linear in the
 * number of needs.
 */
export function checkNeeds(processors: Record<string, unknown>, nearest: NearestFinder): Complaint[] {
  const complaints: Complaint[] = [];
  const names = Object.keys(processors);
  const edges = new Map<string, Need[]>();
  for (const name of names) {
    const seen = new Set<string>();
    const sound: Need[] = [];
    for (const need of needsOf(name, processors[name])) {
      const complain = (message: string, hint: string) =>
        complaints.push({ path: need.path, at: 'value', message, hint });
      if (need.name === name) {
        complain(`processor "${name}" needs itself`, 'Remove it from needs.');
      } else if (!Object.hasOwn(processors, need.name)) {
        complain(
          `processor "${name}" needs "${need.name}", which does not exist`,
          didYouMean(nearest(need.name, names)),
        );
      } else if (seen.has(need.name)) {
        complain(`processor "${name}" needs "${need.name}" twice`, 'Remove one.');
      } else {
        sound.push(need);
      }
      seen.add(need.name);
    }
    edges.set(name, sound);
  }
  return [...complaints, ...findCycles(edges)];
}

function needsOf(name: string, processor: unknown): Need[] {
  if (typeof processor !== 'object' || processor === null) return [];
  const { needs } = processor as { needs?: unknown };
  const path = ['processors', name, 'needs'];
  if (typeof needs === 'string') return [{ name: needs, path }];
  if (!Array.isArray(needs)) return [];
  return needs.flatMap((need, index) =>
    typeof need === 'string' ? [{ name: need, path: [...path, index] }] : [],
  );
}

/** Walks in depth with a stack of its own, so that a chain of any length fits. An edge back to a name on the
 *  current trail closes a cycle. */
function findCycles(edges: ReadonlyMap<string, readonly Need[]>): Complaint[] {
  const complaints: Complaint[] = [];
  const done = new Set<string>();
  for (const start of edges.keys()) {
    if (done.has(start)) continue;
    const trail = [{ name: start, next: 0 }];
    const depthOf = new Map([[start, 0]]);
    while (trail.length > 0) {
      const top = trail.at(-1)!;
      const need = edges.get(top.name)![top.next];
      if (need === undefined) {
        trail.pop();
        depthOf.delete(top.name);
        done.add(top.name);
        continue;
      }
      top.next += 1;
      const depth = depthOf.get(need.name);
      if (depth !== undefined) {
        const names = trail.slice(depth).map(({ name }) => name);
        complaints.push({
          path: need.path,
          at: 'value',
          message: `processors need each other in a cycle: ${cycleText([...names, need.name])}`,
          hint: 'Remove one of these needs.',
        });
        if (complaints.length === MAX_CYCLES) return complaints;
      } else if (!done.has(need.name)) {
        depthOf.set(need.name, trail.length);
        trail.push({ name: need.name, next: 0 });
      }
    }
  }
  return complaints;
}

function cycleText(names: string[]): string {
  if (names.length <= MAX_NAMES) return names.join(' -> ');
  const half = MAX_NAMES / 2;
  const hidden = names.length - MAX_NAMES;
  return [...names.slice(0, half), `(${hidden} more)`, ...names.slice(-half)].join(' -> ');
}
