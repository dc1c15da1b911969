import { toJson } from '@bufbuild/protobuf';
import * as Args from '@oclif/core/args';
import { type ProcessorType, ProcessorTypeSchema } from '../../proto/gen/wiz/v1/executors_pb.js';
import { jsonFlag, ManagerCommand } from '../command.ts';
import { nearest } from '../nearest.ts';
import { print, printJson } from '../output.ts';
import { type OptionRow, optionRows } from '../render/options.ts';
import { type Paint, paintFor } from '../render/paint.ts';
import { type Column, table } from '../render/table.ts';
import { UsageError } from '../usage.ts';

export default class Processors extends ManagerCommand {
  static override summary = 'List what `uses` can name, or show one with its options and an example.';
  static override examples = ['<%= config.bin %> processors', '<%= config.bin %> processors http'];
  static override args = {
    processor: Args.string({ description: 'Name of a bundled processor.', ignoreStdin: true }),
  };
  static override flags = { json: jsonFlag };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Processors);
    const api = await this.api();
    const { processors } = await api.pipelines.listProcessorTypes({});
    const paint = paintFor(process.stdout);
    if (args.processor !== undefined) {
      const processor = find(processors, args.processor);
      if (flags.json) printJson(processorJson(processor));
      else print(description(processor, paint).join('\n'));
    } else if (flags.json) {
      printJson(processors.map(processorJson));
    } else {
      print(table(processors, COLUMNS, paint).join('\n'));
    }
  }
}

const COLUMNS: Column<ProcessorType>[] = [
  { title: 'PROCESSOR', text: ({ name }) => name },
  { title: 'DESCRIPTION', text: ({ description }) => description.split('\n')[0]! },
];

const OPTION_COLUMNS: Column<OptionRow>[] = [
  { title: 'OPTION', text: ({ path }) => path },
  { title: 'TYPE', text: ({ type }) => type },
  { title: 'DEFAULT', text: ({ preset }) => preset },
  { title: 'DESCRIPTION', text: ({ description }) => description },
];

function find(processors: ProcessorType[], name: string): ProcessorType {
  const found = processors.find((processor) => processor.name === name);
  if (found) return found;
  const names = processors.map((processor) => processor.name);
  const close = nearest(name, names);
  throw new UsageError(
    `there is no processor \`${name}\``,
    close ? `Did you mean ${close}?` : `There are ${names.join(', ')}.`,
  );
}

function description(
  { name, description, optionsSchemaJson, exampleYaml }: ProcessorType,
  paint: Paint,
): string[] {
  const options = optionRows(optionsSchemaJson);
  return [
    `${paint.bold(name)}  ${description}`,
    '',
    ...(options.length > 0 ? table(options, OPTION_COLUMNS, paint) : ['It takes no options.']),
    '',
    paint.dim('EXAMPLE'),
    ...exampleYaml.trimEnd().split('\n'),
  ];
}

function processorJson(processor: ProcessorType): object {
  const { optionsSchemaJson, outputSchemaJson, ...rest } = toJson(ProcessorTypeSchema, processor) as Record<
    string,
    string
  >;
  return { ...rest, options: parsed(optionsSchemaJson), output: parsed(outputSchemaJson) };
}

function parsed(json: string | undefined): unknown {
  return json ? JSON.parse(json) : null;
}
