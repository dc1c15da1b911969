import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import * as Flags from '@oclif/core/flags';
import { newestRunArg } from '../../arguments.ts';
import { ManagerCommand } from '../../command.ts';
import { print, write } from '../../output.ts';
import { createIndenter } from '../../render/indent.ts';
import { UsageError } from '../../usage.ts';

export default class RunsManifest extends ManagerCommand {
  static override summary = 'Print the manifest of a run: all that is known of it, as JSON.';
  static override description = `\
Its times, states, outputs and files, and of each processor, instance and attempt how long it waited and worked, what it used, what the cache decided, and how it ended. Also while the run goes on. \`wiz schema manifest\` prints the JSON Schema.

When a run ends, its manifest is also left in runs/RUN/manifest.json of the state folder (WIZ_HOME).`;
  static override examples = [
    '<%= config.bin %> runs manifest',
    "<%= config.bin %> runs manifest 2yxAbc | jq '.processors[] | {name, state, totals}'",
    '<%= config.bin %> runs manifest latest --output manifest.json',
  ];
  static override args = { run: newestRunArg };
  static override flags = {
    output: Flags.string({
      char: 'o',
      description: 'Write it to this file instead, replacing what is there.',
      helpValue: 'FILE',
    }),
  };

  async run(): Promise<void> {
    const { args, flags } = await this.parse(RunsManifest);
    const api = await this.api();
    const lines = laidOut(api.runs.getManifest({ runId: args.run }));
    if (flags.output === undefined) {
      for await (const text of lines) await write(process.stdout, text);
    } else {
      await writeWhole(flags.output, lines);
      print(flags.output);
    }
  }
}

async function* laidOut(responses: AsyncIterable<{ json: string }>): AsyncGenerator<string> {
  const indenter = createIndenter();
  for await (const { json } of responses) yield indenter.push(json);
  yield '\n';
}

/** Half a manifest is never seen under the name. */
async function writeWhole(path: string, texts: AsyncIterable<string>): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.part`);
  const file = await open(temporary, 'wx').catch((error) => {
    throw notWritten(path, error);
  });
  try {
    for await (const text of texts) {
      await file.writeFile(text).catch((error) => {
        throw notWritten(path, error);
      });
    }
    await file.close();
    await rename(temporary, path).catch((error) => {
      throw notWritten(path, error);
    });
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
}

function notWritten(path: string, { code = '' }: NodeJS.ErrnoException): UsageError {
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new UsageError(`cannot write ${path}: there is no folder ${dirname(path)}`);
  }
  const why: Record<string, string> = { EISDIR: 'it is a folder', ENOSPC: 'the disk is full' };
  return new UsageError(`cannot write ${path}: ${why[code] ?? `it is not allowed (${code})`}`);
}
