import * as Flags from '@oclif/core/flags';
import type { Pipeline } from '../../../proto/gen/wiz/v1/pipelines_pb.js';
import type { Api } from '../../api.ts';
import { fileOrNameArg } from '../../arguments.ts';
import { ManagerCommand } from '../../command.ts';
import { nearest } from '../../nearest.ts';
import { print } from '../../output.ts';
import { dotGraph, type GraphNode, mermaidGraph, textGraph } from '../../render/graph.ts';
import { looksLikeFile, readSource } from '../../source.ts';
import { UsageError } from '../../usage.ts';

const FORMATS = { text: textGraph, dot: dotGraph, mermaid: mermaidGraph };

export default class PipelineGraph extends ManagerCommand {
  static override summary = 'Draw a pipeline as text, for Graphviz (dot) or for Mermaid.';
  static override description =
    'As text a processor stands under the last one that all ways to it come through; what it waits for is named beside it.';
  static override examples = [
    '<%= config.bin %> pipeline graph audit.yaml',
    '<%= config.bin %> pipeline graph dependency-audit --format dot | dot -Tsvg > audit.svg',
  ];
  static override args = { target: fileOrNameArg };
  static override flags = {
    format: Flags.option({ options: ['text', 'dot', 'mermaid'] as const, default: 'text' })({
      description: 'How to draw.',
    }),
    name: Flags.string({
      description: 'Which pipeline of a file that holds several; by default all.',
      helpValue: 'NAME',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(PipelineGraph);
    const api = await this.api();
    const pipelines = chosen(await pipelinesOf(api, args.target), flags.name);
    const draw = FORMATS[flags.format];
    print(pipelines.map(({ name, specJson }) => draw(name, nodesOf(specJson))).join('\n\n'));
  }
}

async function pipelinesOf(api: Api, target: string): Promise<Pipeline[]> {
  if (looksLikeFile(target)) {
    const files = [await readSource(target)];
    return (await api.pipelines.validatePipelines({ files })).pipelines;
  }
  return [(await api.pipelines.getPipeline({ name: target })).pipeline!];
}

function chosen(pipelines: Pipeline[], name: string | undefined): Pipeline[] {
  if (name === undefined) return pipelines;
  const found = pipelines.filter((pipeline) => pipeline.name === name);
  if (found.length > 0) return found;
  const names = pipelines.map((pipeline) => pipeline.name);
  const close = nearest(name, names);
  throw new UsageError(
    `the file holds no pipeline \`${name}\``,
    close ? `Did you mean ${close}?` : `It holds ${names.join(', ')}.`,
  );
}

function nodesOf(specJson: string): GraphNode[] {
  return (JSON.parse(specJson) as { processors: GraphNode[] }).processors;
}
