/** Everything is checked, the pipeline and every param set, before the first run is started. */
import type { SourceFile } from '../../proto/gen/wiz/v1/pipelines_pb.js';
import type { Api } from '../api.ts';
import { type Batch, runBatch } from './batch.ts';
import { type DeclaredParam, paramProblems } from './check-params.ts';
import type { ParamSets } from './param-sets.ts';

export type Target = { case: 'file'; value: SourceFile } | { case: 'pipeline'; value: string };

interface Request {
  target: Target;
  /** Which pipeline of a file; empty is the only one. */
  name: string;
  /** Of an applied pipeline; 0 is the newest. */
  version: number;
  params: Record<string, string>;
  context: Record<string, string>;
  labels: Record<string, string>;
}

/** Returns the exit code. */
export async function runEach(
  api: Api,
  options: Omit<Batch, 'sets' | 'request'> & { request: Request; paramSets: ParamSets },
): Promise<number> {
  const { paramSets, request } = options;
  const declared = await declaredParams(api, request);
  const problems = declared ? paramProblems(paramSets.sets, declared, request.params) : [];
  if (problems.length > 0) throw await paramSets.refusal(problems);
  return runBatch(api, { ...options, request, sets: paramSets.sets });
}

/** Undefined when it cannot be told which pipeline of a file is meant: StartRun says what is wrong. */
async function declaredParams(
  api: Api,
  { target, name, version }: Request,
): Promise<Record<string, DeclaredParam> | undefined> {
  if (target.case === 'pipeline') {
    const { pipeline } = await api.pipelines.getPipeline({ name: target.value, version });
    return paramsOf(pipeline!.specJson);
  }
  const { pipelines } = await api.pipelines.validatePipelines({ files: [target.value] });
  const chosen = name ? pipelines.filter((one) => one.name === name) : pipelines;
  return chosen.length === 1 ? paramsOf(chosen[0]!.specJson) : undefined;
}

function paramsOf(specJson: string): Record<string, DeclaredParam> {
  return (JSON.parse(specJson) as { params: Record<string, DeclaredParam> }).params;
}
