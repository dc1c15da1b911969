import { mapOf, namesOf } from './check-texts.ts';
import { type Complaint, describe } from './explain.ts';
import { HOOK_EVENTS } from './hook-spec.ts';
import { didYouMean, type NearestFinder } from './nearest.ts';
import { type Path, subjectOf } from './subject.ts';

/** What the schema cannot say about `hooks`: events, processors and secrets that are not there. Takes a pipeline as it
 *  stands in the file, whatever its shape. */
export function checkHooks(pipeline: Record<string, unknown>, nearest: NearestFinder): Complaint[] {
  if (!Array.isArray(pipeline.hooks)) return [];
  const processors = Object.keys(mapOf(pipeline.processors));
  const complaints: Complaint[] = [];
  for (const [index, hook] of pipeline.hooks.entries()) {
    const path = ['hooks', index];
    complaints.push(...checkHook(mapOf(hook), path, { secrets: pipeline.secrets, nearest }));
    for (const [at, name] of textsOf(mapOf(hook).processors, [...path, 'processors'])) {
      if (processors.includes(name)) continue;
      const message = `a hook is about the processor "${name}", which does not exist`;
      complaints.push({ path: at, at: 'value', message, hint: didYouMean(nearest(name, processors)) });
    }
  }
  return complaints;
}

/** One hook, of a pipeline or of a configuration. `secrets` are those that are declared where it stands. */
export function checkHook(
  hook: Record<string, unknown>,
  path: Path,
  { secrets, nearest }: { secrets: unknown; nearest: NearestFinder },
): Complaint[] {
  const complaints: Complaint[] = [];
  const complain = (at: Path, message: string, hint: string) =>
    complaints.push({ path: at, at: 'value', message, hint });
  const events = textsOf(hook.on, [...path, 'on']);
  for (const [at, name] of events) {
    if ((HOOK_EVENTS as readonly string[]).includes(name)) continue;
    const near = nearest(name, HOOK_EVENTS);
    const hint = near === undefined ? `There are ${HOOK_EVENTS.join(', ')}.` : didYouMean(near);
    complain(at, `there is no event "${name}"`, hint);
  }
  if (hook.processors !== undefined && events.every(([, name]) => !name.startsWith('processor.'))) {
    const hint = 'Add one, such as processor.failed, to "on", or remove "processors".';
    complain(
      [...path, 'processors'],
      `${subjectOf(path)} names processors, but no event of processors`,
      hint,
    );
  }
  const { url, secret } = mapOf(hook.webhook);
  if (typeof url === 'string' && !isUrl(url.trim())) {
    const hint = 'Write for example https://example.org/hooks.';
    complain(
      [...path, 'webhook', 'url'],
      `the URL of a webhook must be an http or https one, not ${describe(url)}`,
      hint,
    );
  }
  if (typeof secret === 'string') {
    const problem = secretProblem(secret, secrets, nearest);
    if (problem !== undefined) complain([...path, 'webhook', 'secret'], ...problem);
  }
  return complaints;
}

function secretProblem(
  name: string,
  secrets: unknown,
  nearest: NearestFinder,
): [message: string, hint: string] | undefined {
  const declared = namesOf(secrets);
  if (!declared.includes(name)) {
    const near = nearest(name, declared);
    const hint = near === undefined ? 'Add it to "secrets".' : didYouMean(near);
    return [`the hook signs with the secret "${name}", which is not declared`, hint];
  }
  if (mapOf(mapOf(secrets)[name]).command === undefined) return undefined;
  const hint = 'Give it by env or file.';
  return [`the hook signs with the secret "${name}", which only executors can find (command)`, hint];
}

/** One that begins with an expression shows what it is when it is sent. */
function isUrl(text: string): boolean {
  if (text.startsWith('${{')) return text.includes('}}');
  if (!/^https?:\/\//i.test(text)) return false;
  return text.includes('${{') || URL.canParse(text);
}

/** A text or the texts of a list, each with its path. */
function textsOf(value: unknown, path: Path): [Path, string][] {
  if (typeof value === 'string') return [[path, value]];
  if (!Array.isArray(value)) return [];
  return value.flatMap((item, index): [Path, string][] =>
    typeof item === 'string' ? [[[...path, index], item]] : [],
  );
}
