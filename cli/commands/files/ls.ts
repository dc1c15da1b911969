import { toJson } from '@bufbuild/protobuf';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import { type StoredFile, StoredFileSchema } from '../../../proto/gen/wiz/v1/files_pb.js';
import { parseInstanceName } from '../../../proto/instance-name.ts';
import type { Api } from '../../api.ts';
import { jsonFlag, ManagerCommand } from '../../command.ts';
import { note, print, printJson } from '../../output.ts';
import { paintFor } from '../../render/paint.ts';
import { type Column, table } from '../../render/table.ts';
import { bytes, dateTime } from '../../render/words.ts';

/** Digits of a hash that are shown; 8 name a file. */
const HASH_DIGITS = 12;

export default class FilesLs extends ManagerCommand {
  static override summary = 'List the files that runs keep, newest run first.';
  static override description = `\
Of one run, of the runs of one pipeline, or of all. With --all also the files that processors left and that \`outputs\` of the pipeline does not name, as PROCESSOR/NAME.

The first column is what \`wiz files get\` and \`wiz files cat\` take after the run's id and a slash.`;
  static override examples = [
    '<%= config.bin %> files ls latest',
    '<%= config.bin %> files ls dependency-audit --all',
    '<%= config.bin %> files ls --json | jq -r .[].name',
  ];
  static override usage = 'files ls [RUN|PIPELINE] [FLAGS]';
  static override args = {
    owner: Args.string({
      description:
        'A run (id, the beginning of one, or `latest`), or the name of a pipeline; by default all.',
      ignoreStdin: true,
    }),
  };
  static override flags = {
    all: Flags.boolean({ char: 'a', description: 'Files of the processors too.' }),
    limit: Flags.integer({
      description: 'Most files to list.',
      default: 1000,
      min: 1,
      max: 10_000,
      helpValue: 'N',
    }),
    json: jsonFlag,
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(FilesLs);
    const api = await this.api();
    const owner = args.owner === undefined ? {} : await ownerOf(api, args.owner);
    const { files } = await api.files.listFiles({ ...owner, all: flags.all, limit: flags.limit });
    if (flags.json) {
      const json = files.map((file) => ({
        name: nameOf(file),
        ...(toJson(StoredFileSchema, file) as object),
      }));
      return printJson(json);
    }
    if (files.length === 0) {
      return print(flags.all ? 'No files.' : 'No files. `--all` lists those of the processors too.');
    }
    print(table(files, columns, paintFor(process.stdout)).join('\n'));
    if (files.length === flags.limit) note(`wiz: There may be more; --limit ${flags.limit} was reached.`);
  }
}

/** A pipeline may be called as a run's id begins: then it is meant, as in `files get`. */
async function ownerOf(api: Api, word: string): Promise<{ runId: string } | { pipeline: string }> {
  if (word === 'latest' || word.length === ID_LENGTH) return { runId: word };
  const { runs } = await api.runs.listRuns({ pipeline: word, pageSize: 1 });
  return runs.length > 0 ? { pipeline: word } : { runId: word };
}

/** Letters of the id of a run. */
const ID_LENGTH = 27;

/** What `files get` finds it by. */
function nameOf(file: StoredFile): string {
  return `${file.runId}/${placeOf(file)}`;
}

function placeOf({ path, processor, file }: StoredFile): string {
  // The name of a file of an instance begins with its index.
  return path || `${parseInstanceName(processor)?.processor ?? processor}/${file?.name ?? ''}`;
}

const columns: Column<StoredFile>[] = [
  { title: 'FILE', text: (file) => `${placeOf(file)}${file.file?.folder ? '/' : ''}` },
  { title: 'SIZE', text: ({ file }) => bytes(file?.size ?? 0), right: true },
  { title: 'RUN', text: ({ runId }) => runId },
  { title: 'PIPELINE', text: ({ pipeline }) => pipeline },
  { title: 'PROCESSOR', text: ({ processor }) => processor },
  { title: 'MADE', text: ({ createdUnixMs }) => dateTime(createdUnixMs) },
  { title: 'HASH', text: ({ file }) => file?.hash.slice(0, HASH_DIGITS) ?? '' },
];
