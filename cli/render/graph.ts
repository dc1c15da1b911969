/** A pipeline drawn: as text, for Graphviz, for Mermaid. */
import { layout } from './layout.ts';

export interface GraphNode {
  name: string;
  needs: string[];
}

export function textGraph(title: string, nodes: GraphNode[]): string {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const lines = layout(nodes).map(({ name, prefix }) => {
    const { needs } = byName.get(name)!;
    return `${prefix}${name}${needs.length > 0 ? `  (after ${needs.join(', ')})` : ''}`;
  });
  return [title, ...lines.map((line) => `  ${line}`)].join('\n');
}

export function dotGraph(title: string, nodes: GraphNode[]): string {
  // Names hold no quotes and no backslashes.
  const lines = nodes.flatMap(({ name, needs }) => [
    `  "${name}";`,
    ...needs.map((need) => `  "${need}" -> "${name}";`),
  ]);
  return [`digraph "${title}" {`, '  rankdir=LR;', '  node [shape=box];', ...lines, '}'].join('\n');
}

export function mermaidGraph(title: string, nodes: GraphNode[]): string {
  // Ids of Mermaid hold fewer characters than names, and `end` is a word of its own.
  const ids = new Map(nodes.map(({ name }, i) => [name, `n${i}`]));
  const lines = nodes.flatMap(({ name, needs }) => [
    `  ${ids.get(name)}["${name}"]`,
    ...needs.map((need) => `  ${ids.get(need)} --> ${ids.get(name)}`),
  ]);
  return ['---', `title: ${title}`, '---', 'flowchart LR', ...lines].join('\n');
}
