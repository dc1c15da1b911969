import type { Evaluator, Scope } from '../expressions/expressions.ts';
import type { JsonObject, JsonValue, ProcessorSpec } from '../spec/spec.ts';
import { isFileValue } from './scope.ts';
import { Unfit } from './unfit.ts';

/** The limit of docs/pipeline.md: an object and some events of each are kept. */
export const MAX_INSTANCES = 1_000_000;

/** The items of a processor with `each` or `matrix`. */
export interface ItemList {
  count: number;
  item(index: number): JsonValue;
}

/** Throws Unfit bad-list, and ExpressionFailure. `evaluator` is undefined when there are no expressions. */
export function itemList(spec: ProcessorSpec, evaluator: Evaluator | undefined, scope: Scope): ItemList {
  const list = spec.matrix === null ? eachList(spec, evaluator, scope) : product(spec, evaluator, scope);
  if (list.count <= MAX_INSTANCES) return list;
  const [count, most] = [list.count, MAX_INSTANCES].map((number) => number.toLocaleString('en-US'));
  throw new Unfit(
    'bad-list',
    `${spec.matrix === null ? 'each' : 'matrix'} gives ${count} instances, and ${most} is the most`,
  );
}

function eachList({ each }: ProcessorSpec, evaluator: Evaluator | undefined, scope: Scope): ItemList {
  const items = itemsOf('each', each, evaluator, scope);
  return { count: items.length, item: (index) => items[index]! };
}

/** The first name varies slowest. */
function product({ matrix }: ProcessorSpec, evaluator: Evaluator | undefined, scope: Scope): ItemList {
  const axes = Object.entries(matrix!).map(([name, value]) => ({
    name,
    items: itemsOf(`matrix.${name}`, value, evaluator, scope),
  }));
  const count = axes.reduce((before, { items }) => before * items.length, 1);
  return {
    count,
    item(index) {
      const chosen: JsonValue[] = [];
      let rest = index;
      for (let axis = axes.length - 1; axis >= 0; axis--) {
        const { items } = axes[axis]!;
        chosen[axis] = items[rest % items.length]!;
        rest = Math.floor(rest / items.length);
      }
      return Object.fromEntries(axes.map(({ name }, axis) => [name, chosen[axis]!]));
    },
  };
}

function itemsOf(
  what: string,
  written: JsonValue,
  evaluator: Evaluator | undefined,
  scope: Scope,
): JsonValue[] {
  const value = evaluator === undefined ? written : evaluator.evaluateValue(written, scope);
  if (Array.isArray(value)) return value;
  const said = typeof written === 'string' ? `${written} is ` : '';
  if (typeof value !== 'object' || value === null || isBytes(value) || isFileValue(value)) {
    throw new Unfit('bad-list', `${what} wants a list, and ${said}${phrase(value)}`);
  }
  return isText(value) ? value.lines : Object.entries(value).map(([key, item]) => ({ key, value: item }));
}

/** An output of text form, as expressions see it. */
export function isText(value: JsonObject): value is { text: string; lines: string[] } {
  return Object.keys(value).length === 2 && typeof value.text === 'string' && Array.isArray(value.lines);
}

/** An output of bytes, or of another protobuf message. */
function isBytes(value: JsonObject): boolean {
  return (
    Object.keys(value).length === 2 && typeof value.base64 === 'string' && kindOfBytes(value) !== undefined
  );
}

function kindOfBytes({ mediaType, typeUrl }: JsonObject): JsonValue | undefined {
  return mediaType ?? typeUrl;
}

/** Longest piece of a text in a message. Characters. */
const SHOWN = 40;

export function phrase(value: JsonValue): string {
  if (value === null) return 'null (no output)';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  switch (typeof value) {
    case 'string': {
      const start = value.replaceAll('\0', '').slice(0, SHOWN);
      return `the text ${JSON.stringify(start.length < value.length ? `${start}…` : start)}`;
    }
    case 'object':
      if (isFileValue(value)) return `the file ${value.name}`;
      return isBytes(value) ? `bytes (${kindOfBytes(value)})` : 'an object';
    default:
      return `the ${typeof value} ${value}`;
  }
}
