import type { Assignment } from '../../proto/gen/wiz/v1/executors_pb.js';
import { hasMarks, type Mark, marksOf, replaceMarks } from '../../proto/marks.ts';

/** The texts of an assignment that may hold marks of files and secrets, see proto/marks.ts. */
export type MarkedTexts = Pick<Assignment, 'action' | 'environment' | 'inputJson'>;

/** JSON has the NULs of a mark in this way. */
const NUL_IN_JSON = '\\u0000';

export function isMarked({ action, environment, inputJson }: MarkedTexts): boolean {
  if (inputJson.includes(NUL_IN_JSON)) return true;
  for (const name in environment) if (hasMarks(environment[name]!)) return true;
  switch (action.case) {
    case 'program':
      return action.value.argv.some(hasMarks);
    case 'script':
      return hasMarks(action.value.text);
    case 'call':
      return action.value.withJson.includes(NUL_IN_JSON);
    default:
      return false;
  }
}

export function marksIn(texts: MarkedTexts): Mark[] {
  const marks: Mark[] = [];
  mapTexts(texts, (text) => {
    marks.push(...marksOf(text));
    return text;
  });
  return marks;
}

/** The same texts with each mark replaced. */
export function withoutMarks(texts: MarkedTexts, replace: (mark: Mark) => string): MarkedTexts {
  return mapTexts(texts, (text) => replaceMarks(text, replace));
}

function mapTexts(
  { action, environment, inputJson }: MarkedTexts,
  map: (text: string) => string,
): MarkedTexts {
  const entries = Object.entries(environment).map(([name, value]) => [name, map(value)]);
  return {
    action: mapAction(action, map),
    environment: Object.fromEntries(entries),
    inputJson: mapJson(inputJson, map),
  };
}

function mapAction(action: Assignment['action'], map: (text: string) => string): Assignment['action'] {
  switch (action.case) {
    case 'program':
      return { case: 'program', value: { ...action.value, argv: action.value.argv.map(map) } };
    case 'script':
      return { case: 'script', value: { ...action.value, text: map(action.value.text) } };
    case 'call':
      return { case: 'call', value: { ...action.value, withJson: mapJson(action.value.withJson, map) } };
    default:
      return action;
  }
}

function mapJson(json: string, map: (text: string) => string): string {
  return json.includes(NUL_IN_JSON) ? JSON.stringify(mapStrings(JSON.parse(json), map)) : json;
}

/** The value with each of its strings replaced; names of fields stay. */
export function mapStrings(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((item) => mapStrings(item, map));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, item]) => [name, mapStrings(item, map)]);
  return Object.fromEntries(entries);
}
