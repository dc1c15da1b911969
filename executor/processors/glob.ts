import { resolve } from 'node:path';
import { defineProcessor, ProcessorFailure } from './processor.ts';

export default defineProcessor({
  name: 'glob',
  description: 'Lists the files that match patterns, sorted by path.',
  options: (z) =>
    z.strictObject({
      patterns: z
        .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
        .describe('One pattern or several, for example "**/*.json"; a leading ! takes matches out.'),
      root: z.string().default('.').describe("Folder to search, relative to the processor's."),
      ignore: z.array(z.string()).default([]).describe('Patterns of what is left out and not entered.'),
      dot: z.boolean().default(false).describe('Also match names that begin with a dot.'),
      directories: z.boolean().default(false).describe('List folders instead of files.'),
      absolute: z.boolean().default(false).describe('Absolute paths instead of paths relative to root.'),
      limit: z
        .int()
        .min(1)
        .max(100_000)
        .default(5000)
        .describe('Most files that are listed; count has them all.'),
    }),
  outputSchema: {
    type: 'object',
    properties: {
      files: { type: 'array', items: { type: 'string' }, description: 'At most limit paths.' },
      count: { type: 'integer', description: 'How many there are.' },
    },
    required: ['files', 'count'],
  },
  example: `name: glob-example
description: Lists the Markdown files beside and below this file.
processors:
  list:
    uses: glob
    with:
      patterns: "**/*.md"
      ignore: ["**/node_modules/**"]
      limit: 100
`,
  async run(options, { workdir, signal }) {
    const { glob } = await import('tinyglobby');
    const root = resolve(workdir, options.root);
    const found = await glob(options.patterns, {
      cwd: root,
      ignore: options.ignore,
      dot: options.dot,
      onlyDirectories: options.directories,
      onlyFiles: !options.directories,
      absolute: options.absolute,
      expandDirectories: false,
      signal,
    });
    signal.throwIfAborted();
    if (found.length === 0) {
      const { stat } = await import('node:fs/promises');
      const folder = await stat(root).catch(() => undefined);
      if (!folder?.isDirectory())
        throw new ProcessorFailure('not-found', `The root ${root} is not a folder.`);
    }
    found.sort();
    return { output: { files: found.slice(0, options.limit), count: found.length } };
  },
});
