import type { Complaint } from './explain.ts';
import { BUILT_IN_MACROS, type MacroPlace, scanMacros } from './macros.ts';
import type { NearestFinder } from './nearest.ts';
import { environmentName } from './params.ts';
import type { Path } from './subject.ts';

/** A complaint about a part of a text: the `occurrence`th `${` of the value at `path`. */
export interface TextComplaint extends Complaint {
  occurrence: number;
}

/**
 * Macros and expressions in the texts of one pipeline, as it stands in the file and whatever its shape:
 * `${{ … }}` is refused everywhere, `${NAME}` must be known where it is replaced, and does not work in
 * `workdir`. Scripts keep their `${NAME}` for the shell.
 */
export function checkTexts(pipeline: Record<string, unknown>, nearest: NearestFinder): TextComplaint[] {
  const complaints: TextComplaint[] = [];
  const params = Object.keys(mapOf(pipeline.params)).map(environmentName);
  const context = Object.keys(mapOf(pipeline.context));
  const early = [...params, ...BUILT_IN_MACROS];
  const all = [...new Set([...early, ...context])];

  const complain = (path: Path, index: number, message: string, hint: string) =>
    complaints.push({ path, at: 'value', message, hint, occurrence: index });

  const checkMacro = (place: MacroPlace, path: Path, index: number, names: readonly string[]) => {
    if (place.name === undefined) {
      complain(path, index, `"${shorten(place.text)}" is not a macro`, ESCAPE_HINT);
    } else if (names === early && context.includes(place.name)) {
      const hint = 'Only params and built-in macros work here.';
      complain(path, index, `a context value cannot use the context key "${place.name}"`, hint);
    } else if (!names.includes(place.name)) {
      const near = nearest(place.name, names);
      const hint =
        near === undefined ? `Known macros: ${list(names)}. ${ESCAPE_HINT}` : `Did you mean "\${${near}}"?`;
      complain(path, index, `unknown macro "${place.text}"`, hint);
    }
  };

  const walk = (value: unknown, path: Path, macros: readonly string[] | 'none' | 'shell'): void => {
    if (typeof value === 'string') {
      for (const [index, place] of scanMacros(value).entries()) {
        if (place.kind === 'expression') {
          complain(
            path,
            index,
            `this version of wiz does not have expressions: "${shorten(place.text)}"`,
            EXPRESSION_HINT,
          );
        } else if (place.kind === 'macro' && macros === 'none') {
          complain(path, index, `macros do not work here: "${shorten(place.text)}"`, 'Write it out.');
        } else if (place.kind === 'macro' && macros !== 'shell') {
          checkMacro(place, path, index, macros as readonly string[]);
        }
      }
    } else if (typeof value === 'object' && value !== null) {
      const isList = Array.isArray(value);
      for (const [key, item] of Object.entries(value))
        walk(item, [...path, isList ? Number(key) : key], macros);
    }
  };

  walk(pipeline.context, ['context'], early);
  walk(pipeline.workdir, ['workdir'], 'none');
  walk(mapOf(pipeline.defaults).env, ['defaults', 'env'], all);
  for (const [name, processor] of Object.entries(mapOf(pipeline.processors))) {
    const { run, program, with: options, env, workdir } = mapOf(processor);
    const path = ['processors', name];
    walk(run, [...path, 'run'], 'shell');
    walk(program, [...path, 'program'], all);
    walk(options, [...path, 'with'], all);
    walk(env, [...path, 'env'], all);
    walk(workdir, [...path, 'workdir'], 'none');
  }
  return complaints;
}

const ESCAPE_HINT = 'For these characters as they are write $${ in place of ${.';
const EXPRESSION_HINT = 'Use a macro such as ${NAME}, or read the file WIZ_INPUT in a program.';

/** A map, or an empty one for anything else. */
export function mapOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

function list(names: readonly string[]): string {
  return names.length > 20
    ? `${names.slice(0, 20).join(', ')} and ${names.length - 20} more`
    : names.join(', ');
}
