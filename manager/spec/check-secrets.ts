import { mapOf, namesOf } from './check-texts.ts';
import { SHELL_VARIABLES } from './environment.ts';
import type { Complaint } from './explain.ts';
import { didYouMean, type NearestFinder } from './nearest.ts';
import { environmentName } from './params.ts';
import { RESERVED_NAMES } from './run-macros.ts';
import type { Path } from './subject.ts';

/** Secrets of one pipeline, as it stands in the file and whatever its shape: their names against those of other
 *  variables, and those that processors name against those that there are. */
export function checkSecrets(pipeline: Record<string, unknown>, nearest: NearestFinder): Complaint[] {
  const names = namesOf(pipeline.secrets);
  const declared = new Set(names);
  const nearestSecret = (name: string) => nearest(name, names);
  return [
    ...checkDeclared(pipeline, names),
    ...Object.entries(mapOf(pipeline.processors)).flatMap(([name, processor]) =>
      checkExposed(name, mapOf(processor), mapOf(mapOf(pipeline.defaults).env), declared, nearestSecret),
    ),
  ];
}

function checkDeclared(pipeline: Record<string, unknown>, declared: string[]): Complaint[] {
  const params = new Map(Object.keys(mapOf(pipeline.params)).map((name) => [environmentName(name), name]));
  const context = mapOf(pipeline.context);
  const complaints: Complaint[] = [];
  const seen = new Set<string>();
  for (const [index, name] of declared.entries()) {
    const path: Path = ['secrets', Array.isArray(pipeline.secrets) ? index : name];
    const complain = (message: string, hint = 'Choose another name.') =>
      complaints.push({ path, at: 'key', message, hint });
    if (seen.has(name)) complain(`the secret "${name}" is named twice`, 'Remove one.');
    else if (RESERVED_NAMES.includes(name)) complain(`the secret "${name}" is a macro of wiz itself`);
    else if (SHELL_VARIABLES.includes(name))
      complain(`the secret "${name}" would be the variable ${name}, which programs need as it is`);
    else if (params.has(name))
      complain(`the secret "${name}" is also the variable of param "${params.get(name)}"`);
    else if (Object.hasOwn(context, name)) complain(`the secret "${name}" is also a context key`);
    seen.add(name);
  }
  return complaints;
}

function checkExposed(
  processor: string,
  { secrets, env }: Record<string, unknown>,
  defaultEnv: Record<string, unknown>,
  declared: ReadonlySet<string>,
  nearest: (name: string) => string | undefined,
): Complaint[] {
  const complaints: Complaint[] = [];
  const names = typeof secrets === 'string' ? [secrets] : Array.isArray(secrets) ? secrets : [];
  const seen = new Set<string>();
  for (const [index, name] of names.entries()) {
    if (typeof name !== 'string') continue;
    const path: Path = ['processors', processor, 'secrets', ...(Array.isArray(secrets) ? [index] : [])];
    const complain = (message: string, hint: string) =>
      complaints.push({ path, at: 'value', message: `processor "${processor}" ${message}`, hint });
    if (!declared.has(name)) {
      const near = nearest(name);
      const hint = near === undefined ? 'Add it to "secrets" of the pipeline.' : didYouMean(near);
      complain(`has the secret "${name}", which the pipeline does not declare`, hint);
    } else if (seen.has(name)) {
      complain(`has the secret "${name}" twice`, 'Remove one.');
    } else if (Object.hasOwn(mapOf(env), name) || Object.hasOwn(defaultEnv, name)) {
      const where = Object.hasOwn(mapOf(env), name) ? 'env' : 'defaults.env';
      complain(`has the variable "${name}" both in secrets and in ${where}`, 'Remove one.');
    }
    seen.add(name);
  }
  return complaints;
}
