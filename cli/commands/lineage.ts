import { toJson } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {
  type GetLineageResponse,
  type LineageStep,
  LineageStepSchema,
  StoredFileSchema,
} from '../../proto/gen/wiz/v1/files_pb.js';
import { jsonFlag, ManagerCommand } from '../command.ts';
import { hashOfPath } from '../files/hash.ts';
import { print, printJson } from '../output.ts';
import { lineageLines } from '../render/lineage.ts';
import { paintFor } from '../render/paint.ts';
import { UsageError } from '../usage.ts';

/** Columns that a line takes where there is no terminal. */
const PIPE_COLUMNS = 200;

export default class Lineage extends ManagerCommand {
  static override summary = 'Show which runs and inputs made a file, and what was made of it.';
  static override description = `\
A file on this disk is known by its SHA-256, which is taken here: it need not be where the run left it. A path that is there goes before a run or a hash of the same name.

Each processor stands with its run, and where the run is another one, its params; under it what it read, or left, and the processors whose values it was given, or that were given its.`;
  static override examples = [
    '<%= config.bin %> lineage report.html',
    '<%= config.bin %> lineage latest/report.html --up --depth 1',
    '<%= config.bin %> lineage 3f2a91c0 --down --json',
  ];
  static override args = {
    file: Args.string({
      description:
        'A file on this disk, RUN/PATH or PIPELINE/PATH as in `files get`, or a hash or the beginning of one.',
      required: true,
      ignoreStdin: true,
    }),
  };
  static override flags = {
    up: Flags.boolean({ description: 'Only what made it.', exclusive: ['down'] }),
    down: Flags.boolean({ description: 'Only what was made of it.' }),
    depth: Flags.integer({ description: 'Steps up and down; by default all.', min: 1, helpValue: 'N' }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(Lineage);
    const [hash, api] = await Promise.all([hashOfPath(args.file), this.api()]);
    const lineage = await api.files
      .getLineage({ name: hash ?? args.file, depth: flags.depth ?? 0 })
      .catch((error: unknown) => {
        const unknown = hash !== undefined && error instanceof ConnectError && error.code === Code.NotFound;
        throw unknown
          ? new UsageError(
              `no run left or used ${args.file}`,
              `Its SHA-256 is ${hash}: it may have been changed since.`,
            )
          : error;
      });
    const show = { up: !flags.down, down: !flags.up };
    if (flags.json) return printJson(lineageJson(lineage, show));
    const columns = process.stdout.isTTY ? process.stdout.columns : PIPE_COLUMNS;
    print(lineageLines(lineage, { ...show, columns, paint: paintFor(process.stdout) }).join('\n'));
  }
}

function lineageJson({ file, up, down }: GetLineageResponse, show: { up: boolean; down: boolean }): object {
  return {
    file: toJson(StoredFileSchema, file!),
    ...(show.up && { up: up.map(stepJson) }),
    ...(show.down && { down: down.map(stepJson) }),
  };
}

function stepJson(step: LineageStep): object {
  const { paramsJson: _, ...rest } = toJson(LineageStepSchema, step) as Record<string, unknown>;
  return { ...rest, params: JSON.parse(step.paramsJson || '{}') };
}
