import type { FileStore } from '../../files/file-store.ts';
import { jsonData } from '../../proto/data-codec.ts';
import { type Data, DataForm } from '../../proto/gen/wiz/v1/data_pb.js';
import type { Assignment } from '../../proto/gen/wiz/v1/executors_pb.js';
import { instanceValues } from './instance-values.ts';
import { jsonPieces, linePieces, type Pieces, plainPieces, protobufPieces } from './value-pieces.ts';

/** What a program with a data form has as standard input: a file that has it already, or what is to be written. */
export type StandardInput = { path: string } | { pieces: Pieces };

/** `item`: of an instance, as JSON; it alone is the input then. */
export function standardInput(
  form: DataForm,
  needs: Assignment['needs'],
  item: string | undefined,
  store: FileStore,
): StandardInput {
  if (item === undefined && SPREADS.has(form) && needs.some(({ instances }) => instances))
    return { pieces: spreadPieces(form, needs, store) };
  const values = item === undefined ? needs.map(({ output }) => output) : [jsonData(item)];
  const path = values.length === 1 ? pathOfSame(form, values[0], store) : undefined;
  return path === undefined ? { pieces: allPieces(form, values, store) } : { path };
}

/** Forms in which values stand one after the other: of a need with instances there are those of each. */
const SPREADS: ReadonlySet<DataForm> = new Set([DataForm.TEXT, DataForm.LINES, DataForm.BYTES]);

async function* spreadPieces(form: DataForm, needs: Assignment['needs'], store: FileStore): Pieces {
  for (const { output, instances } of needs) {
    if (!instances) yield* allPieces(form, [output], store);
    else for await (const value of instanceValues(output, store)) yield* allPieces(form, [value], store);
  }
}

/** Of a file whose content is what the program is to read. */
function pathOfSame(form: DataForm, data: Data | undefined, store: FileStore): string | undefined {
  if (data?.value.case !== 'file') return undefined;
  const { TEXT, BYTES, JSON: json } = DataForm;
  const same =
    form === json
      ? data.form === json
      : (form === TEXT || form === BYTES) && [TEXT, BYTES].includes(data.form);
  return same ? store.pathOf(data.value.value.hash) : undefined;
}

async function* allPieces(form: DataForm, values: (Data | undefined)[], store: FileStore): Pieces {
  for (const value of values) {
    switch (form) {
      case DataForm.JSON:
        if (values.length === 1) yield* jsonPieces(value, store);
        else yield* oneLine(jsonPieces(value, store));
        break;
      case DataForm.LINES:
        yield* linePieces(value, store);
        break;
      case DataForm.PROTOBUF:
        yield* protobufPieces(value, store);
        break;
      default:
        yield* plainPieces(value, store);
    }
  }
}

/** A document on a line of its own: line breaks of JSON are between its tokens only. */
async function* oneLine(pieces: Pieces): Pieces {
  for await (const piece of pieces) {
    const text = typeof piece === 'string' ? piece : Buffer.from(piece).toString('latin1');
    const joined = text.replaceAll(/[\r\n]/g, ' ');
    yield typeof piece === 'string' ? joined : Buffer.from(joined, 'latin1');
  }
  yield '\n';
}
