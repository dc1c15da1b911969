import { z } from 'zod';
import { fieldName, text } from './texts.ts';

/** Processors with instances. That a text is one expression is checked in check-fan-out.ts. */

/** For editors: one macro or expression. */
const ONE_EXPRESSION = '^\\s*\\$\\{[\\s\\S]*\\}\\s*$';
const listRule = 'must be a list, or one expression such as ${{ outputs.list.lines }}';
const list = z.union([text.meta({ pattern: ONE_EXPRESSION }), z.array(z.unknown())], { error: listRule });

export const each = list.meta({
  description:
    'A list, or an expression that gives one: the processor has an instance for each item, `item` in its expressions. Its output is the list of theirs, in order.',
  examples: ['${{ outputs.list.lines }}', ['a.txt', 'b.txt']],
});

export const matrix = z
  .record(fieldName, list, { error: 'must be a map of names and lists' })
  .refine((lists) => Object.keys(lists).length > 0, { error: 'must have at least one list' })
  .meta({
    description:
      'Lists by name: the processor has an instance for each combination, `item.NAME` in its expressions. The first name varies slowest.',
    examples: [{ os: ['debian', 'alpine'], node: [22, 24] }],
  });

const widthRule = 'must be a whole number from 1 to 100000';
export const width = z
  .int({ error: widthRule })
  .min(1, { error: widthRule })
  .max(100_000, { error: widthRule })
  .meta({ description: 'Most instances at once. Left out, there is no limit.' });

export const failFast = z.boolean({ error: 'must be true or false' }).meta({
  description: 'An instance that has failed for good ends the others.',
  default: false,
});
