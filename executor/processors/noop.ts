import { defineProcessor, type JsonValue } from './processor.ts';

export default defineProcessor({
  name: 'noop',
  description:
    'Does nothing, or hands on a value; joins branches, and stands for work that is still to be written.',
  options: (z) =>
    z.strictObject({
      output: z.unknown().optional().describe('Value that becomes the output; nothing when absent.'),
    }),
  emptyOptions: {},
  example: `name: noop-example
description: Two branches meet in a processor that does nothing else.
processors:
  left:
    uses: noop
    with: { output: { side: left } }
  right:
    uses: noop
  both:
    needs: [left, right]
    uses: noop
`,
  run: ({ output }) => ({ output: output as JsonValue | undefined }),
});
