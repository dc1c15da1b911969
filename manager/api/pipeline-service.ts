import { existsSync } from 'node:fs';
import type { ServiceImpl } from '@connectrpc/connect';
import { WizError } from '../../proto/error.ts';
import {
  type AppliedPipeline,
  Change,
  type Pipeline,
  type PipelineService,
  type SourceFile,
} from '../../proto/gen/wiz/v1/pipelines_pb.js';
import type { Manager } from '../manager.ts';
import { parseSpec } from '../spec/complete.ts';
import { diffSpecs, stableJson } from '../spec/diff.ts';
import { nearest } from '../spec/nearest.ts';
import type { PipelineSpec } from '../spec/spec.ts';
import type { NewPipeline, PipelineVersion } from '../store/store.ts';
import { ownTimeZone } from '../time-zone.ts';
import { unary } from './errors.ts';
import { processorTypes } from './processor-types.ts';

/** Pipelines: files in, versions kept. */
export function pipelineService(manager: Manager): ServiceImpl<typeof PipelineService> {
  const { store } = manager;

  async function apply(files: SourceFile[], dryRun: boolean) {
    const nowMs = Date.now();
    const parsed = (await parseFiles(manager, files)).map(newPipeline);
    await addSchedules(parsed, nowMs);
    const applied = await store.applyPipelines(
      parsed.map(({ row }) => row),
      nowMs,
      dryRun,
    );
    if (!dryRun && parsed.some(hasSchedules)) manager.schedules.wake();
    const pipelines = applied.map((version, i): AppliedPipeline => {
      const before = version.before === undefined ? undefined : parseSpec(version.before.specJson);
      const { fields, processors } = diffSpecs(before, parsed[i]!.spec);
      const change = !version.changed
        ? Change.UNCHANGED
        : before === undefined
          ? Change.CREATED
          : Change.UPDATED;
      return {
        $typeName: 'wiz.v1.AppliedPipeline',
        name: version.name,
        version: version.version,
        change,
        fields: fields.map((field) => ({ $typeName: 'wiz.v1.FieldChange', ...field })),
        processors: processors.map((processor) => ({
          $typeName: 'wiz.v1.ProcessorChange',
          ...processor,
          fields: processor.fields.map((field) => ({ $typeName: 'wiz.v1.FieldChange', ...field })),
        })),
      };
    });
    return { pipelines, notes: await notesOn(manager, parsed) };
  }

  return {
    applyPipelines: unary(({ files, dryRun }) => apply(files, dryRun)),
    validatePipelines: unary(async ({ files }) => ({
      pipelines: (await parseFiles(manager, files)).map((parsed) => {
        const { row } = newPipeline(parsed);
        return pipelineOf({ ...row, version: 0, createdMs: 0 }, true);
      }),
    })),
    listPipelines: unary(async () => ({
      pipelines: (await store.listPipelines()).map((version) => pipelineOf(version, false)),
    })),
    getPipeline: unary(async ({ name, version }) => {
      const found = await findPipeline(manager, name, version);
      const versions = await store.listPipelineVersions(name);
      return {
        pipeline: pipelineOf(found, true),
        versions: versions.map((other) => pipelineOf(other, false)),
      };
    }),
    deletePipeline: unary(async ({ name }) => {
      const versions = await store.deletePipeline(name, Date.now());
      if (versions === 0) throw await unknownPipeline(manager, name);
      return { versions };
    }),
    listProcessorTypes: unary(async () => ({ processors: await processorTypes(manager) })),
  };
}

/** Checks files whole. One whose folder is not on this machine (the client's is another) has none: its programs run in
 *  staging folders. Throws WizError invalid_argument with every diagnostic. */
export async function parseFiles(manager: Manager, files: SourceFile[]) {
  const { parsePipelines } = await import('../spec/parse.ts');
  // What `uses` may name is asked for only when a file says `uses`: it may mean starting an executor.
  const uses = files.some(({ content }) => Buffer.from(content).includes('uses'));
  const here = files.map((file) => (existsSync(file.baseDir) ? file : { ...file, baseDir: '' }));
  const { pipelines } = await parsePipelines(here, uses ? await processorTypes(manager) : undefined);
  for (const { spec } of pipelines) manager.hooks.check(spec);
  return pipelines;
}

/** A version of an applied pipeline; 0 is the newest. Throws WizError not_found with the nearest name. */
export async function findPipeline(
  manager: Manager,
  name: string,
  version: number,
): Promise<PipelineVersion> {
  const found = await manager.store.getPipeline(name, version);
  if (found !== undefined) return found;
  if (version > 0 && (await manager.store.getPipeline(name, 0)) !== undefined) {
    throw new WizError('not_found', `Pipeline "${name}" has no version ${version}.`);
  }
  throw await unknownPipeline(manager, name);
}

async function unknownPipeline(manager: Manager, name: string): Promise<WizError> {
  const names = (await manager.store.listPipelines()).map((pipeline) => pipeline.name);
  const near = nearest(name, names);
  const hint = near === undefined ? 'wiz pipeline list shows what there is.' : `Did you mean "${near}"?`;
  return new WizError('not_found', `There is no pipeline "${name}". ${hint}`);
}

function newPipeline(parsed: { spec: PipelineSpec; source: string; baseDir: string }) {
  const { spec, source, baseDir } = parsed;
  const row: NewPipeline = {
    name: spec.name,
    specJson: stableJson(spec),
    source,
    baseDir,
    description: spec.description,
    labels: spec.labels,
    processorCount: spec.processors.length,
  };
  return { spec, row };
}

/** Works out when they fire first. Loads croner only for what has some. */
async function addSchedules(parsed: ReturnType<typeof newPipeline>[], nowMs: number): Promise<void> {
  if (!parsed.some(hasSchedules)) return;
  const { schedulesOf } = await import('../triggers/schedules-of.ts');
  for (const { spec, row } of parsed) row.schedules = schedulesOf(spec, ownTimeZone(), nowMs);
}

function hasSchedules({ spec }: { spec: PipelineSpec }): boolean {
  return spec.triggers.length > 0;
}

async function notesOn(manager: Manager, parsed: { spec: PipelineSpec }[]): Promise<string[]> {
  const names = parsed.filter(hasSchedules).map(({ spec }) => spec.name);
  if (names.length === 0) return [];
  if ((await manager.membership.look()).some(({ kind }) => kind === 'daemon')) return [];
  return [`Schedules of ${names.join(', ')} fire while \`wiz manager serve\` runs; it does not run now.`];
}

function pipelineOf(version: PipelineVersion, whole: boolean): Pipeline {
  return {
    $typeName: 'wiz.v1.Pipeline',
    name: version.name,
    version: version.version,
    description: version.description,
    createdUnixMs: version.createdMs,
    processorCount: version.processorCount,
    labels: version.labels,
    specJson: whole ? version.specJson : '',
    source: whole ? version.source : '',
    baseDir: version.baseDir,
  };
}
