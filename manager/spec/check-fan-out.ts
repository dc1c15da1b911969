import { inferType } from './check-params.ts';
import { mapOf } from './check-texts.ts';
import { type Complaint, describe } from './explain.ts';
import { environmentName } from './params.ts';
import { hasMacros, isExpression, scanMacros, wholeMacro } from './scan-macros.ts';
import { type Path, subjectOf } from './subject.ts';

/** Instances of one processor: an object and some events of each are kept. */
export const MAX_INSTANCES = 1_000_000;

/** `when`, `each` and `matrix` of one pipeline, as it stands in the file and whatever its shape: a text must be one
 *  expression, or one macro that can be what is wanted. */
export function checkFanOut(pipeline: Record<string, unknown>): Complaint[] {
  const complaints: Complaint[] = [];
  const complain = (path: Path, message: string, hint: string) =>
    complaints.push({ path, at: 'value', message: `${subjectOf(path)} ${message}`, hint });
  const types = paramTypes(pipeline);

  /** Complains unless the text is one expression, or one macro whose param has the type. */
  const checkText = (text: string, path: Path, type: 'json' | 'boolean', wanted: string) => {
    const trimmed = text.trim();
    if (isExpression(trimmed)) return;
    const macro = wholeMacro(trimmed);
    if (macro === undefined) {
      complain(path, `must be ${wanted}, not ${describe(text)}`, expressionHint(trimmed));
    } else if (types.has(macro) && types.get(macro) !== type) {
      const hint = `Give the param the type ${type}, or write an expression.`;
      complain(path, `must be ${wanted}; the param of ${trimmed} is of type ${types.get(macro)}`, hint);
    } else if (!types.has(macro)) {
      complain(path, `must be ${wanted}; ${trimmed} is a text`, '');
    }
  };

  /** Number of items, where it is known. */
  const checkList = (value: unknown, path: Path): number | undefined => {
    if (typeof value === 'string') checkText(value, path, 'json', 'a list or one expression');
    return Array.isArray(value) ? value.length : undefined;
  };

  for (const [name, processor] of Object.entries(mapOf(pipeline.processors))) {
    const { when, each, matrix } = mapOf(processor);
    const path = ['processors', name];
    if (typeof when === 'string' && !['true', 'false'].includes(when.trim()))
      checkText(when, [...path, 'when'], 'boolean', 'true, false or one expression');
    const counts = Object.entries(mapOf(matrix)).map(([key, list]) =>
      checkList(list, [...path, 'matrix', key]),
    );
    const instances = [
      ['each', checkList(each, [...path, 'each'])],
      [
        'matrix',
        counts.reduce((product: number | undefined, count) => (product ?? 1) * (count ?? 1), undefined),
      ],
    ] as const;
    for (const [key, count] of instances) {
      if (count === undefined || count <= MAX_INSTANCES) continue;
      const message = `gives ${count} instances; ${MAX_INSTANCES} is the most`;
      complaints.push({
        path: [...path, key],
        at: 'key',
        message: `${subjectOf([...path, key])} ${message}`,
        hint: '',
      });
    }
  }
  return complaints;
}

/** By the name of their macro. */
function paramTypes(pipeline: Record<string, unknown>): Map<string, unknown> {
  return new Map(
    Object.entries(mapOf(pipeline.params)).map(([name, param]) => {
      const map = typeof param === 'object' ? mapOf(param) : { default: param };
      const { type, enum: allowed } = map;
      const inferred = inferType({
        default: map.default,
        enum: Array.isArray(allowed) ? allowed : undefined,
      });
      return [environmentName(name), type ?? inferred];
    }),
  );
}

/** A text of CEL without its braces is the usual slip. */
function expressionHint(text: string): string {
  const [first] = scanMacros(text);
  if (text === '' || text.length > 60) return '';
  if (first === undefined) return `Write \${{ ${text} }}.`;
  return hasMacros(text)
    ? 'Write it all in one ${{ … }}, with params.NAME for a param.'
    : 'Write it all in one ${{ … }}.';
}
