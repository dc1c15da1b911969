import type { FileStore } from '../../files/file-store.ts';
import { dataJson } from '../../proto/data.ts';
import type { File } from '../../proto/gen/wiz/v1/data_pb.js';
import type { NeedResult } from '../../proto/gen/wiz/v1/executors_pb.js';
import { isStored, jsonPieces, type Pieces } from './value-pieces.ts';

/** WIZ_INPUT when there is nothing to say. */
export const EMPTY_INPUT = '{"params":{},"context":{},"outputs":{},"files":{}}';

/**
 * The document that programs find in WIZ_INPUT: what the assignment begins, with the outputs and files of the needs.
 * A text; pieces when a value of it has to be read from the store. `pathOf` says where a file of a need has been put.
 */
export function inputDocument(
  inputJson: string,
  needs: readonly NeedResult[],
  store: FileStore,
  pathOf: (need: NeedResult, file: File) => string,
): string | Pieces {
  if (inputJson === '' && needs.length === 0) return EMPTY_INPUT;
  const beginning = (inputJson === '' ? '{"params":{},"context":{}}' : inputJson).trimEnd().slice(0, -1);
  const comma = beginning.trimEnd() === '{' ? '' : ',';
  const start = `${beginning}${comma}"outputs":{`;
  const end = `},"files":{${needs.map((need) => filesOf(need, pathOf)).join(',')}}}`;
  if (needs.some(({ output }) => isStored(output))) return pieces(start, needs, end, store);
  return `${start}${needs.map(({ processor, output }) => `${JSON.stringify(processor)}:${dataJson(output)}`).join(',')}${end}`;
}

async function* pieces(start: string, needs: readonly NeedResult[], end: string, store: FileStore): Pieces {
  yield start;
  for (const [index, { processor, output }] of needs.entries()) {
    yield `${index === 0 ? '' : ','}${JSON.stringify(processor)}:`;
    yield* jsonPieces(output, store);
  }
  yield end;
}

function filesOf(need: NeedResult, pathOf: (need: NeedResult, file: File) => string): string {
  const entries = need.files.map((file) => {
    const { name, hash, size, folder, mediaType } = file;
    const entry = { name, path: pathOf(need, file), hash, size, folder, mediaType };
    return `${JSON.stringify(name)}:${JSON.stringify(entry)}`;
  });
  return `${JSON.stringify(need.processor)}:{${entries.join(',')}}`;
}
