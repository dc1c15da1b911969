import * as Args from '@oclif/core/args';
import type { Api } from '../api.ts';
import { ManagerCommand } from '../command.ts';
import type { Asked } from '../completion/model.ts';
import { quickly } from '../completion/quickly.ts';
import { BUNDLED, LOCAL } from '../contexts/choose.ts';
import { readContexts } from '../contexts/file.ts';
import { localDaemon } from '../contexts/local-daemon.ts';
import { print } from '../output.ts';
import { runStateOf } from '../render/runs.ts';
import { dateTime } from '../render/words.ts';

const FILES_OFFERED = 200;

/** `typed` is what stands in the line already. */
const SOURCES: Record<
  Exclude<Asked, 'contexts'>,
  (api: Api, typed: string[]) => Promise<[string, string][]>
> = {
  async pipelines(api) {
    const { pipelines } = await api.pipelines.listPipelines({});
    return pipelines.map(({ name, description }) => [name, description.split('\n')[0]!]);
  },
  async runs(api) {
    const { runs } = await api.runs.listRuns({});
    const ids = runs.map((run): [string, string] => [
      run.runId,
      `${run.pipeline} ${runStateOf(run)} ${dateTime(run.createdUnixMs)}`,
    ]);
    return [['latest', 'the newest run'], ...ids];
  },
  async 'runs-and-pipelines'(api) {
    return [...(await SOURCES.pipelines(api, [])), ...(await SOURCES.runs(api, []))];
  },
  async files(api) {
    const { files } = await api.files.listFiles({ limit: FILES_OFFERED });
    // By pipeline the newest, then each.
    const byPipeline = new Map(files.map(({ pipeline, path }) => [`${pipeline}/${path}`, 'the newest']));
    const byRun = files.map(({ runId, pipeline, path, createdUnixMs }): [string, string] => [
      `${runId}/${path}`,
      `${pipeline} ${dateTime(createdUnixMs)}`,
    ]);
    return [...byPipeline, ...byRun];
  },
  async processors(api) {
    const { processors } = await api.pipelines.listProcessorTypes({});
    return processors.map(({ name, description }) => [name, description.split('\n')[0]!]);
  },
  async 'run-processors'(api, [runId = 'latest']) {
    const { processors } = await api.runs.getRun({ runId });
    return processors.map(({ name, reason }) => [name, reason]);
  },
  async executors(api) {
    const { executors } = await api.manager.listExecutors({});
    return executors.map(({ executorId, address }) => [executorId, address]);
  },
};

export default class Complete extends ManagerCommand {
  static override hidden = true;
  static override summary = 'Print names for a completion script: a name and, after a tab, what it is.';
  static override examples = ['<%= config.bin %> complete runs'];
  static override strict = false;
  static override args = {
    kind: Args.string({
      description: 'What to name.',
      required: true,
      options: [...Object.keys(SOURCES), 'contexts'],
      ignoreStdin: true,
    }),
  };

  async run(): Promise<void> {
    const { args, argv } = await this.parse(Complete);
    const kind = args.kind as Asked;
    if (kind === 'contexts') return tell(contextNames());
    const typed = argv.slice(1) as string[];
    const api = await this.api({ impatient: true, quiet: true });
    const ask = () => SOURCES[kind](api, typed);
    const { place } = api;
    const names = place.kind === 'bundled' ? await ask() : await quickly(ask, [place.url, kind, ...typed]);
    tell(names);
  }
}

function tell(names: [string, string][]): void {
  if (names.length > 0) print(names.map((words) => words.join('\t')).join('\n'));
}

function contextNames(): [string, string][] {
  const contexts = Object.entries(readContexts(process.env).contexts);
  const daemon = localDaemon(process.env);
  return [
    [BUNDLED, 'the manager in the process of each command'],
    ...(daemon ? [[LOCAL, daemon.url] as [string, string]] : []),
    ...contexts.map(([name, { url }]): [string, string] => [name, url]),
  ];
}
