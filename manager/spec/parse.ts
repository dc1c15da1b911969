import type { Document } from 'yaml';
import { type Diagnostic, WizError } from '../../proto/error.ts';
import { buildSpec } from './build.ts';
import { type CallChecker, type CallType, callChecker } from './calls.ts';
import { checkFanOut } from './check-fan-out.ts';
import { checkFolderless } from './check-folderless.ts';
import { checkHooks } from './check-hooks.ts';
import { checkNeeds } from './check-needs.ts';
import { checkOutputs } from './check-outputs.ts';
import { checkParams } from './check-params.ts';
import { checkSecrets } from './check-secrets.ts';
import { checkTexts, mapOf, type TextComplaint } from './check-texts.ts';
import { checkTimeZone } from './check-time-zone.ts';
import { badInput } from './diagnostic.ts';
import { type PlainDocument, plainDocument } from './document.ts';
import { type Complaint, describe, explain, valueAt } from './explain.ts';
import { type NearestFinder, nearestFinder } from './nearest.ts';
import { keysAt, unknownKey } from './pipeline-keys.ts';
import { reporter } from './reporter.ts';
import { hasExpressions, placeOf } from './scan-macros.ts';
import { pipelineSchema } from './schema/pipeline.ts';
import { type Report, readText, type SourceFile } from './source.ts';
import type { PipelineSpec } from './spec.ts';
import { syntaxErrors } from './syntax.ts';
import { checkNumbers, keepWrittenTexts } from './written-texts.ts';
import { readDocuments } from './yaml-documents.ts';

/** More are counted, not told: an answer must fit one message. */
const MAX_DIAGNOSTICS = 1000;

export type { CallType } from './calls.ts';
export type { SourceFile } from './source.ts';

export interface ParsedPipeline {
  spec: PipelineSpec;
  /** The YAML of this document as written, comments included. */
  source: string;
  baseDir: string;
}

/**
 * Reads pipeline files, each with one or several YAML documents. All is right and every pipeline of every file
 * comes back, in order; or one `invalid_argument` carries everything that is wrong in all files, in order of
 * place. With a catalogue, `uses` and `with` are checked against it too. The parser of expressions is loaded only when
 * a file has some.
 */
export async function parsePipelines(
  files: readonly SourceFile[],
  catalogue?: readonly CallType[],
): Promise<{ pipelines: ParsedPipeline[] }> {
  if (files.length === 0) {
    throw new WizError('invalid_argument', 'There is no pipeline file. Name at least one.');
  }
  const nearest = nearestFinder();
  const context: Context = {
    nearest,
    catalogue,
    calls: catalogue === undefined ? undefined : callChecker(catalogue, nearest),
    names: new Map(),
  };
  const pipelines: ParsedPipeline[] = [];
  const diagnostics: Diagnostic[] = [];
  for (const file of files) {
    const result = await parseFile(file, context);
    pipelines.push(...result.pipelines);
    diagnostics.push(...result.diagnostics.toSorted(byPlace));
  }
  if (diagnostics.length > 0) throw badInput(limited(diagnostics), diagnostics.length);
  return { pipelines };
}

interface Context {
  nearest: NearestFinder;
  catalogue: readonly CallType[] | undefined;
  calls: CallChecker | undefined;
  /** Where each pipeline name was first given. */
  names: Map<string, string>;
}

interface FileResult {
  pipelines: ParsedPipeline[];
  diagnostics: Diagnostic[];
}

async function parseFile(file: SourceFile, context: Context): Promise<FileResult> {
  const read = readText(file);
  if ('problem' in read) return { pipelines: [], diagnostics: [read.problem] };
  const { text } = read;
  const report = reporter(file.path, text);
  const yaml = readDocuments(text);
  if ('tooDeepAt' in yaml) {
    const problem = report(yaml.tooDeepAt, 'maps and lists are nested too deep', '');
    return { pipelines: [], diagnostics: [problem] };
  }
  const result: FileResult = { pipelines: [], diagnostics: [] };
  const filled = yaml.documents.filter((document) => !isEmpty(document));
  if (filled.length === 0) {
    const message = text.trim() === '' ? 'the file is empty' : 'the file holds no pipeline, only comments';
    result.diagnostics.push({ file: file.path, line: 1, column: 1, message, hint: EMPTY_HINT });
    return result;
  }
  const last = filled.at(-1)!;
  let start = 0;
  for (const document of filled) {
    const end = document === last ? text.length : document.range[2];
    const parsed = await parseDocument(text, document, file, context, report);
    result.diagnostics.push(...parsed.diagnostics);
    if (parsed.spec !== undefined) {
      const source = text.slice(start, end);
      result.pipelines.push({ spec: parsed.spec, source, baseDir: file.baseDir });
    }
    start = end;
  }
  return result;
}

const EMPTY_HINT = 'A pipeline needs a name and processors.';

function isEmpty(document: Document.Parsed): boolean {
  const contents = document.contents as { value?: unknown; source?: string } | null;
  const isNothing = contents === null || (contents.value === null && !contents.source);
  return isNothing && document.errors.length === 0 && document.warnings.length === 0;
}

async function parseDocument(
  text: string,
  document: Document.Parsed,
  file: SourceFile,
  context: Context,
  report: Report,
): Promise<{ spec?: PipelineSpec; diagnostics: Diagnostic[] }> {
  const syntax = syntaxErrors(document, report);
  if (syntax.length > 0) return { diagnostics: syntax };

  const position = (offset: number) => report(offset, '', '');
  const plain = plainDocument(document, position, context.nearest);
  const diagnostics = plain.problems.map(({ offset, message, hint }) => report(offset, message, hint));
  const { root, places } = plain;
  if (typeof root !== 'object' || root === null || Array.isArray(root)) {
    const offset = places.valueAt(root, []);
    const message = `a pipeline file must be a map with name and processors, not ${describe(root)}`;
    return { diagnostics: [...diagnostics, report(offset, message, '')] };
  }
  const pipeline = root as Record<string, unknown>;
  keepWrittenTexts(pipeline, (container) => places.of(container));

  const checked = pipelineSchema.safeParse(pipeline);
  const complaints = await checkMeaning(pipeline, plain, context);
  if (file.baseDir === '') complaints.push(...checkFolderless(pipeline));
  if (!checked.success) {
    const options = { keysAt, unknownKey, nearest: context.nearest };
    complaints.push(...checked.error.issues.flatMap((issue) => explain(issue, pipeline, [], options)));
  }
  const broken = new Set(plain.problems.map(({ offset }) => offset));
  for (const complaint of complaints) {
    const offset = offsetOf(complaint, text, plain);
    // What could not be read as YAML has nothing more to say.
    if (!broken.has(offset)) diagnostics.push(report(offset, complaint.message, complaint.hint));
  }
  const twice = checkName(pipeline, plain, context, report);
  if (twice !== undefined) diagnostics.push(twice);
  if (!checked.success || diagnostics.length > 0) return { diagnostics: withoutRepeats(diagnostics) };
  const order = places.of(pipeline.processors as object).keys() as Iterable<string>;
  return { spec: buildSpec(checked.data, order, file.baseDir), diagnostics };
}

/** Everything that a schema cannot say. */
async function checkMeaning(
  pipeline: Record<string, unknown>,
  { places }: PlainDocument,
  { nearest, catalogue, calls }: Context,
): Promise<Complaint[]> {
  const processors = mapOf(pipeline.processors);
  const complaints: Complaint[] = [
    ...checkParams(pipeline),
    ...checkTexts(pipeline, nearest),
    ...checkNumbers(pipeline, (container) => places.of(container)),
    ...checkNeeds(processors, nearest),
    ...checkFanOut(pipeline),
    ...checkSecrets(pipeline, nearest),
    ...checkOutputs(pipeline),
    ...checkTimeZone(pipeline, nearest),
    ...checkHooks(pipeline, nearest),
  ];
  if (pipeline.triggers !== undefined) {
    const { checkTriggers } = await import('./check-triggers.ts');
    complaints.push(...checkTriggers(pipeline, nearest));
  }
  if (hasExpressions(pipeline)) {
    const { checkExpressions } = await import('./check-expressions.ts');
    complaints.push(...checkExpressions(pipeline, nearest, catalogue));
  }
  if (calls === undefined) return complaints;
  for (const [name, processor] of Object.entries(processors)) {
    const { uses, with: options = {} } = mapOf(processor);
    if (typeof uses !== 'string' || mapOf(options) !== options) continue;
    complaints.push(...calls.check(uses, options, ['processors', name], 'open'));
  }
  return complaints;
}

function checkName(
  pipeline: Record<string, unknown>,
  { places }: PlainDocument,
  { names }: Context,
  report: Report,
): Diagnostic | undefined {
  const { name } = pipeline;
  if (typeof name !== 'string') return undefined;
  const first = names.get(name);
  const at = report(
    places.valueAt(pipeline, ['name']),
    `duplicate pipeline "${name}"; the first is at ${first}`,
    '',
  );
  if (first !== undefined) return { ...at, hint: 'Every pipeline has a name of its own.' };
  names.set(name, `${at.file}:${at.line}:${at.column}`);
  return undefined;
}

function offsetOf(
  complaint: Complaint | TextComplaint,
  text: string,
  { root, places }: PlainDocument,
): number {
  if (complaint.at === 'key') return places.keyAt(root, complaint.path);
  const offset = places.valueAt(root, complaint.path);
  if (!('occurrence' in complaint)) return offset;
  // Escapes of a quoted text may hide a "${" from the search; then the whole text is the place.
  const entry = places.find(root, complaint.path);
  const written = entry === undefined ? '' : text.slice(entry.start, entry.end);
  const place = placeOf(written, complaint.occurrence);
  if (place === undefined) return offset;
  const within = complaint.offset ?? 0;
  const value = valueAt(root, complaint.path);
  const start = typeof value === 'string' ? placeOf(value, complaint.occurrence) : undefined;
  // Up to what is meant the file must have what the text has: no escapes, no line breaks that were folded.
  const isAsWritten =
    start !== undefined && written.startsWith((value as string).slice(start, start + within), place);
  return offset + place + (isAsWritten ? within : 0);
}

/** An error in an anchored part shows once, not for every alias. */
function withoutRepeats(diagnostics: Diagnostic[]): Diagnostic[] {
  const seen = new Set<string>();
  return diagnostics.filter(({ line, column, message }) => {
    const key = `${line}:${column}:${message.replace(/(processor|param) "[^"]*"/, '')}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return a.line - b.line || a.column - b.column;
}

function limited(diagnostics: Diagnostic[]): Diagnostic[] {
  if (diagnostics.length <= MAX_DIAGNOSTICS) return diagnostics;
  const message = `${diagnostics.length - MAX_DIAGNOSTICS} more errors are not shown`;
  const { file } = diagnostics[MAX_DIAGNOSTICS]!;
  return [...diagnostics.slice(0, MAX_DIAGNOSTICS), { file, line: 0, column: 0, message, hint: '' }];
}
