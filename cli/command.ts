import { readFile } from 'node:fs/promises';
import { Command } from '@oclif/core/command';
import * as Flags from '@oclif/core/flags';
import type * as Interfaces from '@oclif/core/interfaces';
import type { Api, ApiOptions } from './api.ts';
import type { Chosen } from './contexts/choose.ts';
import { UsageError } from './usage.ts';

/** Flags of every command that talks to a manager. */
const managerFlags = {
  context: Flags.string({
    description: 'The context to use, instead of the chosen one.',
    helpGroup: 'GLOBAL',
    helpValue: 'NAME',
  }),
  manager: Flags.string({
    description:
      'The daemon to talk to: its URL, or the name of a context; `bundled` is the manager in this process.',
    helpGroup: 'GLOBAL',
    helpValue: 'URL',
  }),
};

/** What all commands share. */
export abstract class WizCommand extends Command {
  static override baseFlags: Interfaces.FlagInput = {};

  /** Errors go to cli/failure.ts as they are. */
  protected override async catch(error: Error): Promise<never> {
    throw error;
  }
}

/** A command that talks to a manager: the API is opened when first asked for, and closed at the end. */
export abstract class ManagerCommand extends WizCommand {
  static override baseFlags: Interfaces.FlagInput = managerFlags;

  #api: Promise<Api> | undefined;
  #flags: { context?: unknown; manager?: string } = {};

  protected override async parse<
    F extends Interfaces.OutputFlags<F>,
    B extends Interfaces.OutputFlags<B>,
    A extends Interfaces.OutputArgs<A>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse(options, argv);
    const { context, manager } = parsed.flags as { context?: unknown; manager?: string };
    this.#flags = { context, manager };
    return parsed;
  }

  /** What the flags say about the manager. */
  protected get chosen(): Chosen {
    return { context: this.contextOf(this.#flags.context), manager: this.#flags.manager };
  }

  /** The context that --context names; `wiz run` has a meaning of its own for it too. */
  protected contextOf(flag: unknown): string | undefined {
    return typeof flag === 'string' ? flag : undefined;
  }

  protected api(options: ApiOptions = {}): Promise<Api> {
    const all = { chosen: this.chosen, command: (this.id ?? '').replaceAll(':', ' '), ...options };
    // It is not always asked, and its client takes 20 ms to load.
    this.#api ??= import('./api.ts').then(({ openApi }) => openApi(all));
    // It may fail while the command still reads its file; whoever awaits it is told all the same.
    this.#api.catch(() => {});
    return this.#api;
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    if (!this.#api) return;
    const closing = this.#api.then((api) => api.close({ error }));
    // What went wrong first is what is told.
    await (error ? closing.catch(() => {}) : closing);
  }
}

export const jsonFlag = Flags.boolean({ description: 'Print JSON.' });

/** Flags of commands that run something. */
export const executorFlags = {
  executor: Flags.string({
    description: 'Address of an executor that somebody started, instead of one on this machine.',
    helpValue: 'ADDRESS',
  }),
  'executor-token-file': Flags.file({
    description: "File with that executor's token; by default the token is $WIZ_EXECUTOR_TOKEN.",
    helpValue: 'FILE',
    dependsOn: ['executor'],
    exists: true,
  }),
};

export async function executorFrom(flags: {
  executor?: string | undefined;
  'executor-token-file'?: string | undefined;
}): Promise<ApiOptions['executor']> {
  if (!flags.executor) return undefined;
  const file = flags['executor-token-file'];
  const token = file ? (await readFile(file, 'utf8')).trim() : (process.env.WIZ_EXECUTOR_TOKEN ?? '');
  if (!token) {
    throw new UsageError(
      `the executor at ${flags.executor} wants a token`,
      'Set WIZ_EXECUTOR_TOKEN, or name a file with --executor-token-file.',
    );
  }
  return { address: flags.executor, token };
}
