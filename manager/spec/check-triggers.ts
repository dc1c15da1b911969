import { Cron } from 'croner';
import { declared } from './check-params.ts';
import { mapOf } from './check-texts.ts';
import { timeZoneProblem } from './check-time-zone.ts';
import { type Complaint, describe } from './explain.ts';
import { didYouMean, type NearestFinder } from './nearest.ts';
import { misfit } from './params.ts';
import type { JsonValue } from './spec.ts';
import type { Path } from './subject.ts';
import { triggerNames } from './trigger-names.ts';

/** What the schema cannot say about `triggers`: names that meet, patterns, zones, and params against those of the
 *  pipeline. Takes a pipeline as it stands in the file, whatever its shape. Loads croner: import it only for a file that
 *  has triggers. */
export function checkTriggers(pipeline: Record<string, unknown>, nearest: NearestFinder): Complaint[] {
  if (!Array.isArray(pipeline.triggers)) return [];
  const triggers = pipeline.triggers.map(mapOf);
  const names = triggerNames(triggers);
  return triggers.flatMap((trigger, index) => {
    const path = ['triggers', index];
    const complaints = [
      ...checkSchedule(trigger.schedule, path, nearest),
      ...checkGiven(pipeline, trigger, path, nearest),
    ];
    if (typeof trigger.name === 'string' && names.indexOf(names[index]!) < index) {
      const message = `two triggers are called "${trigger.name}"`;
      complaints.push({ path: [...path, 'name'], at: 'value', message, hint: 'Choose another name.' });
    }
    if (trigger.overlap === 'replace' && trigger.catchUp === 'all') {
      const message =
        'the runs that are caught up would replace each other, so that only the last one is left';
      complaints.push({ path: [...path, 'catchUp'], at: 'value', message, hint: 'Write catchUp: last.' });
    }
    return complaints;
  });
}

function checkSchedule(schedule: unknown, path: Path, nearest: NearestFinder): Complaint[] {
  const complaints: Complaint[] = [];
  const isText = typeof schedule === 'string';
  const { cron, timeZone } = isText ? { cron: schedule } : mapOf(schedule);
  const at = (key: string) => [...path, 'schedule', ...(isText ? [] : [key])];
  if (typeof cron === 'string' && cron.trim() !== '') {
    const problem = cronProblem(cron);
    if (problem !== undefined) complaints.push({ path: at('cron'), at: 'value', ...problem });
  }
  if (typeof timeZone === 'string') {
    const problem = timeZoneProblem(timeZone, nearest);
    if (problem !== undefined) {
      const message = `the zone of a schedule ${problem.says}`;
      complaints.push({ path: at('timeZone'), at: 'value', message, hint: problem.hint });
    }
  }
  return complaints;
}

function cronProblem(cron: string): { message: string; hint: string } | undefined {
  const message = `${describe(cron)} is no cron pattern`;
  if (!/^(@\w+|\S+( +\S+){4})$/.test(cron.trim())) {
    const [, key, value] = /^(every|at) +(\S+)$/.exec(cron.trim()) ?? [];
    const hint =
      key === undefined
        ? 'Write minute, hour, day of month, month and day of week: "0 17 * * 1-5".'
        : `Write { ${key}: ${value} }.`;
    return { message, hint };
  }
  try {
    if (new Cron(cron, { paused: true }).nextRun() !== null) return undefined;
    return { message: `the cron pattern ${describe(cron)} never fires`, hint: 'There is no such day.' };
  } catch (error) {
    return { message, hint: `${(error as Error).message.replace(/^CronPattern: /, '').replace(/\.$/, '')}.` };
  }
}

function checkGiven(
  pipeline: Record<string, unknown>,
  trigger: Record<string, unknown>,
  path: Path,
  nearest: NearestFinder,
): Complaint[] {
  const params = mapOf(pipeline.params);
  const given = mapOf(trigger.params);
  const complaints: Complaint[] = [];
  for (const [name, value] of Object.entries(given)) {
    const at = [...path, 'params', name];
    if (!Object.hasOwn(params, name)) {
      const message = `a trigger gives the param "${name}", which the pipeline does not have`;
      const near = nearest(name, Object.keys(params));
      complaints.push({ path: at, at: 'key', message, hint: didYouMean(near) });
      continue;
    }
    const wanted = misfit(value as JsonValue, declared(params[name]));
    // A text stands for whatever it would be on the command line.
    if (wanted === undefined || fitsAsText(value, params[name])) continue;
    const message = `param "${name}" must be ${wanted}, not ${describe(value)}`;
    complaints.push({ path: at, at: 'value', message, hint: '' });
  }
  for (const [name, param] of Object.entries(params)) {
    if (Object.hasOwn(given, name)) continue;
    const { default: value, required } = typeof param === 'object' ? mapOf(param) : { default: param };
    if (value !== undefined || required === false) continue;
    const message = `a trigger does not give the param "${name}", which is required`;
    complaints.push({
      path,
      at: 'value',
      message,
      hint: 'Add it to params of the trigger, or give it a default.',
    });
  }
  return complaints;
}

function fitsAsText(value: unknown, param: unknown): boolean {
  const { type } = declared(param);
  if (type === 'string')
    return typeof value !== 'object' && misfit(String(value), declared(param)) === undefined;
  if (typeof value !== 'string') return false;
  try {
    return misfit(JSON.parse(value), declared(param)) === undefined;
  } catch {
    return false;
  }
}
