/** What a shell may offer, taken from what oclif knows of the commands. */
import type { Command } from '@oclif/core/command';
import type { Config } from '@oclif/core/config';

/** Names that only the manager knows; `wiz complete KIND` prints them. */
export type Asked =
  | 'pipelines'
  | 'runs'
  | 'runs-and-pipelines'
  | 'processors'
  | 'run-processors'
  | 'executors'
  | 'contexts'
  | 'files';

export type Source =
  | { kind: 'nothing' }
  | { kind: 'files' }
  | { kind: 'words'; words: string[] }
  /** With `files`, files too. */
  | { kind: 'ask'; what: Asked; files: boolean };

export interface FlagModel {
  /** Without dashes. */
  name: string;
  char: string;
  description: string;
  /** What its value may be; undefined when it takes none. */
  value: Source | undefined;
}

export interface CommandModel {
  /** Words after wiz. */
  path: string;
  summary: string;
  flags: FlagModel[];
  /** By position; the last one again and again when `variadic`. */
  args: Source[];
  variadic: boolean;
}

export interface Model {
  commands: CommandModel[];
  /** Words that may follow a path, the empty one included, with what they do. */
  words: Map<string, { word: string; description: string }[]>;
}

export function completionModel(config: Config): Model {
  const commands = config.commands
    .filter(({ hidden }) => !hidden)
    .map(commandModel)
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const words: Model['words'] = new Map();
  const offer = (path: string, word: string, description: string) => {
    const list = words.get(path) ?? [];
    if (!list.some((one) => one.word === word)) list.push({ word, description });
    words.set(path, list);
  };
  for (const { path, summary } of commands) {
    const [first, second] = path.split(' ') as [string, string?];
    if (second === undefined) offer('', first, summary);
    else {
      offer('', first, firstSentence(config.findTopic(first)?.description ?? ''));
      offer(first, second, summary);
    }
  }
  return { commands, words };
}

function commandModel(command: Command.Loadable): CommandModel {
  const args = Object.values(command.args);
  return {
    path: command.id.replaceAll(':', ' '),
    summary: firstSentence(command.summary ?? ''),
    flags: Object.values(command.flags)
      .filter(({ hidden }) => !hidden)
      .map((flag) => ({
        name: flag.name,
        char: flag.char ?? '',
        description: firstSentence(flag.description ?? ''),
        value: flag.type === 'option' ? flagValue(command.id, flag.name, flag.options) : undefined,
      })),
    args: args.map(({ name, options }) =>
      options ? { kind: 'words', words: [...options] } : argument(command.id, name),
    ),
    variadic: args.at(-1)?.multiple === true,
  };
}

function argument(id: string, name: string): Source {
  if (name === 'run') return ask('runs');
  if (name === 'pipeline') return ask('pipelines');
  if (name === 'executor') return ask('executors');
  if (name === 'context') return ask('contexts');
  if (name === 'target') return { kind: 'ask', what: 'pipelines', files: true };
  if (name === 'owner') return ask('runs-and-pipelines');
  if (name === 'name' && id.startsWith('files:')) return ask('files');
  if (name === 'file') return { kind: 'files' };
  if (name === 'shell') return { kind: 'words', words: ['bash', 'zsh', 'fish'] };
  if (name === 'processor') return ask(id === 'processors' ? 'processors' : 'run-processors');
  return { kind: 'nothing' };
}

function flagValue(id: string, name: string, options: readonly string[] | undefined): Source {
  if (options) return { kind: 'words', words: [...options] };
  if (name === 'pipeline') return ask('pipelines');
  if (name === 'context' || name === 'manager') return ask('contexts');
  if (name === 'from' && id === 'runs:retry') return ask('run-processors');
  if (name === 'instances') return ask('run-processors');
  const file = /(^|-)(file|each|output|cert|key|ca|home)$/.test(name);
  return file ? { kind: 'files' } : { kind: 'nothing' };
}

function ask(what: Asked): Source {
  return { kind: 'ask', what, files: false };
}

function firstSentence(text: string): string {
  return text.split('\n')[0]!.replace(/\.$/, '');
}
