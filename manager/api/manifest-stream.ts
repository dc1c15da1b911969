import { setImmediate as nextTurn } from 'node:timers/promises';
import type { GetManifestRequest, GetManifestResponse } from '../../proto/gen/wiz/v1/runs_pb.js';
import { readRun } from '../journal.ts';
import type { Manager } from '../manager.ts';
import { manifestPieces } from './manifest.ts';
import { findRun } from './run-service.ts';

/** The manifest of a run as its journal tells it now: what is told is durable, and one state of the run. */
export async function* getManifest(
  manager: Manager,
  { runId }: GetManifestRequest,
): AsyncGenerator<GetManifestResponse> {
  const row = await findRun(manager, runId);
  const run = await readRun(manager.store, row.runId);
  for (const json of manifestPieces(run, manager.home, Date.now())) {
    yield { $typeName: 'wiz.v1.GetManifestResponse', json };
    // Whatever else the manager does goes on meanwhile.
    await nextTurn();
  }
}
