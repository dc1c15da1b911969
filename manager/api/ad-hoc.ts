import { existsSync } from 'node:fs';
import { basename, isAbsolute } from 'node:path';
import { WizError } from '../../proto/error.ts';
import type { AdHoc } from '../../proto/gen/wiz/v1/runs_pb.js';
import { PIPELINE_DEFAULTS, PROCESSOR_DEFAULTS } from '../spec/complete.ts';
import { escapeMacros } from '../spec/macros.ts';
import type { PipelineSpec } from '../spec/spec.ts';

/** Milliseconds between SIGTERM and SIGKILL: the default of a pipeline file. */
const GRACE_MS = 10_000;

/** One program as a pipeline of one processor, named after the program. */
export function adHocSpec(adHoc: AdHoc): PipelineSpec {
  const [program] = adHoc.argv;
  if (!program) throw new WizError('invalid_argument', 'Which program? wiz exec -- PROGRAM [ARGUMENT…]');
  if (!isAbsolute(adHoc.workdir)) {
    throw new WizError('invalid_argument', `The working folder must be absolute, not "${adHoc.workdir}".`);
  }
  const name = basename(program)
    .replaceAll(/[^A-Za-z0-9_.-]/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 100);
  return {
    name: 'exec',
    description: '',
    params: {},
    context: {},
    labels: {},
    concurrency: null,
    // A folder of the client's machine alone: the program runs in its staging folder.
    workdir: existsSync(adHoc.workdir) ? adHoc.workdir : '',
    ...PIPELINE_DEFAULTS,
    processors: [
      {
        name: name || 'program',
        description: '',
        needs: [],
        // `${…}` of an argument is the program's own business.
        action: { kind: 'program', argv: adHoc.argv.map(escapeMacros) },
        env: Object.fromEntries(
          Object.entries(adHoc.environment).map(([key, text]) => [key, escapeMacros(text)]),
        ),
        workdir: null,
        retries: { limit: 0, initialMs: 0, maxMs: 0, factor: 1, jitter: 0 },
        timeoutMs: adHoc.timeoutMs > 0 ? adHoc.timeoutMs : null,
        graceMs: GRACE_MS,
        onFailure: 'fail',
        ...PROCESSOR_DEFAULTS,
      },
    ],
  };
}
