/**
 * A DAG drawn as a tree. A processor stands under the one that every path to it comes through last (its immediate
 * dominator), so that a join stands beside the branches it joins. An only child stays on its parent's level: a
 * chain of a hundred is a column, not a staircase.
 */
export interface Placed {
  name: string;
  /** Branches before the name, for example `│  ├─ `. */
  prefix: string;
}

interface Node {
  name: string;
  needs: readonly string[];
}

export function layout(nodes: readonly Node[]): Placed[] {
  const children = childrenByDominator(nodes);
  const placed: Placed[] = [];
  // [name, prefix of its line, prefix of the lines under it]; a stack, for chains may be long.
  const stack: [string, string, string][] = [];
  const push = (names: readonly string[], under: string, root: boolean) => {
    for (let i = names.length - 1; i >= 0; i--) {
      const last = i === names.length - 1;
      if (root || names.length === 1) stack.push([names[i]!, under, under]);
      else stack.push([names[i]!, `${under}${last ? '└─ ' : '├─ '}`, `${under}${last ? '   ' : '│  '}`]);
    }
  };
  push(children.get('') ?? [], '', true);
  for (let next = stack.pop(); next; next = stack.pop()) {
    const [name, prefix, under] = next;
    placed.push({ name, prefix });
    push(children.get(name) ?? [], under, false);
  }
  return placed;
}

/** Children of each node, in the order given; '' is above the roots. */
function childrenByDominator(nodes: readonly Node[]): Map<string, string[]> {
  const dominator = new Map<string, string>();
  const depth = new Map<string, number>([['', 0]]);
  const common = (a: string, b: string) => {
    while (a !== b) {
      if (depth.get(a)! >= depth.get(b)!) a = dominator.get(a)!;
      else b = dominator.get(b)!;
    }
    return a;
  };
  for (const { name, needs } of inOrder(nodes)) {
    const above = needs.length === 0 ? '' : needs.reduce(common);
    dominator.set(name, above);
    depth.set(name, depth.get(above)! + 1);
  }
  const children = new Map<string, string[]>();
  for (const { name } of nodes) {
    const above = dominator.get(name) ?? '';
    const list = children.get(above);
    if (list) list.push(name);
    else children.set(above, [name]);
  }
  return children;
}

/** Every node after what it needs. */
function inOrder(nodes: readonly Node[]): Node[] {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const waits = new Map(nodes.map((node) => [node.name, node.needs.length]));
  const dependents = new Map<string, string[]>();
  for (const { name, needs } of nodes) {
    for (const need of needs) {
      const list = dependents.get(need);
      if (list) list.push(name);
      else dependents.set(need, [name]);
    }
  }
  const ready = nodes.filter((node) => node.needs.length === 0);
  for (const { name } of ready) {
    for (const next of dependents.get(name) ?? []) {
      const left = waits.get(next)! - 1;
      waits.set(next, left);
      if (left === 0) ready.push(byName.get(next)!);
    }
  }
  return ready;
}
