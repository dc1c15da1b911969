import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/** `${{` of an expression, which is left as it is, `$${` for the text itself, `${file:PATH}`, `${NAME}`, `${NAME:-otherwise}`, or what opens and is none of them. */
const REFERENCE = /\$+\{\{|\$\$\{|\$\{file:([^}]*)\}|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{/g;

export interface ResolvedText {
  text: string;
  /** What cannot be resolved, as a sentence without its end; empty when all could. */
  problem: string;
  hint: string;
  /** Environment variables that it was made of. */
  variables: string[];
}

/** A text of wiz.yaml with its references put in. Paths are relative to `folder`. */
export function resolveReferences(
  text: string,
  { environment, folder }: { environment: NodeJS.ProcessEnv; folder: string },
): ResolvedText {
  const result: ResolvedText = { text: '', problem: '', hint: '', variables: [] };
  const refuse = (problem: string, hint: string) => {
    if (result.problem === '') Object.assign(result, { problem, hint });
    return '';
  };
  result.text = text.replace(REFERENCE, (whole, path?: string, name?: string, otherwise?: string) => {
    if (whole.endsWith('{{')) return whole;
    if (whole === '$${') return '${';
    if (path !== undefined) {
      const file = resolve(folder, path);
      try {
        return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        return refuse(
          `the file ${file} of "${whole}" cannot be read (${code})`,
          'Relative paths are relative to wiz.yaml.',
        );
      }
    }
    if (name === undefined) {
      return refuse(
        '"${" opens no reference',
        'Write ${NAME}, ${NAME:-otherwise} or ${file:PATH}; $${ for the text itself.',
      );
    }
    result.variables.push(name);
    // As in a shell: an empty one counts as absent.
    const value = environment[name] || otherwise;
    if (value !== undefined) return value;
    return refuse(
      `the environment has no ${name}`,
      `Set it, or write \${${name}:-otherwise}; $\${${name}} is the text itself.`,
    );
  });
  return result;
}
