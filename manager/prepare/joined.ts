import type { FileStore } from '../../files/file-store.ts';
import { dataJson, INLINE_LIMIT_BYTES } from '../../proto/data.ts';
import { type Data, DataForm, type File } from '../../proto/gen/wiz/v1/data_pb.js';
import type { Instances, ProcessorNode } from '../graph/processor-node.ts';
import type { JsonValue } from '../spec/spec.ts';
import { quiet } from './late.ts';
import { contentJson, EXPRESSION_LIMIT_BYTES, tooLarge, type Value, type Values } from './values.ts';

/**
 * What a processor left, as those after it see it. Of a processor with instances that is one value, the list of theirs
 * in order (null for none), and the files of all, named INDEX/NAME. It is put together once, and again when an instance
 * has got another result (the run was resumed).
 */
export interface Results {
  output(node: ProcessorNode): Data | undefined | Promise<Data>;
  files(node: ProcessorNode): File[];
  /** The output as JSON. Throws or rejects as Values.of. */
  value(runId: string, node: ProcessorNode): JsonValue | Promise<JsonValue>;
}

interface Joined {
  outputs: (Data | undefined)[];
  files: (File[] | undefined)[];
  data: Data | Promise<Data> | undefined;
  joinedFiles: File[] | undefined;
  list: JsonValue | undefined;
}

const NO_FILES: File[] = [];

export function createResults(files: FileStore, values: Values): Results {
  const joined = new WeakMap<Instances, Joined>();

  function joinedOf(instances: Instances): Joined {
    const known = joined.get(instances);
    if (known !== undefined && isCurrent(known, instances)) return known;
    const made: Joined = {
      outputs: instances.tasks.map((task) => task.output),
      files: instances.tasks.map((task) => task.files),
      data: undefined,
      joinedFiles: undefined,
      list: undefined,
    };
    joined.set(instances, made);
    return made;
  }

  function dataOf(state: Joined): Data | Promise<Data> {
    if (state.data !== undefined) return state.data;
    const made = joinData(files, state.outputs);
    state.data = made;
    if (made instanceof Promise) {
      made.then(
        (data) => {
          state.data = data;
        },
        () => {
          state.data = undefined;
        },
      );
    }
    return made;
  }

  function listOf(runId: string, state: Joined): JsonValue | Promise<JsonValue> {
    if (state.list !== undefined) return state.list;
    // Before any is read: they are read at once.
    const least = state.outputs.reduce((sum, data) => sum + leastBytes(data), 0);
    if (least > EXPRESSION_LIMIT_BYTES) throw tooLarge(least);
    let bytes = 0;
    const add = ({ json, text }: Value) => {
      bytes += text.length;
      if (bytes > EXPRESSION_LIMIT_BYTES) throw tooLarge(bytes);
      return json;
    };
    const list: JsonValue[] = [];
    const late: Promise<unknown>[] = [];
    state.outputs.forEach((data, index) => {
      const value = values.of(runId, data);
      if (!(value instanceof Promise)) list[index] = add(value);
      else
        late.push(
          quiet(
            value.then((read) => {
              list[index] = add(read);
            }),
          ),
        );
    });
    if (late.length > 0) return Promise.all(late).then(() => list);
    state.list = list;
    return list;
  }

  return {
    output: (node) => (node.instances === undefined ? node.output : dataOf(joinedOf(node.instances))),
    files(node) {
      if (node.instances === undefined) return node.files ?? NO_FILES;
      const state = joinedOf(node.instances);
      state.joinedFiles ??= state.files.flatMap((own, index) =>
        (own ?? NO_FILES).map((file) => ({ ...file, name: `${index}/${file.name}` })),
      );
      return state.joinedFiles;
    },
    value(runId, node) {
      if (node.instances !== undefined) return listOf(runId, joinedOf(node.instances));
      const value = values.of(runId, node.output);
      return value instanceof Promise ? value.then(({ json }) => json) : value.json;
    },
  };
}

function isCurrent({ outputs, files }: Joined, { tasks }: Instances): boolean {
  return (
    outputs.length === tasks.length &&
    tasks.every((task, index) => task.output === outputs[index] && task.files === files[index])
  );
}

/** A value that is a file has at least this many bytes as JSON: text is there as it is and by lines. */
function leastBytes(data: Data | undefined): number {
  if (data?.value.case !== 'file') return 0;
  return data.form === DataForm.TEXT ? 2 * data.value.value.size : data.value.value.size;
}

function joinData(files: FileStore, outputs: (Data | undefined)[]): Data | Promise<Data> {
  const texts: string[] = [];
  let bytes = 2;
  for (const data of outputs) {
    if (data?.value.case === 'file' || bytes > INLINE_LIMIT_BYTES) return putJoined(files, outputs);
    const text = dataJson(data);
    bytes += Buffer.byteLength(text) + 1;
    texts.push(text);
  }
  if (bytes > INLINE_LIMIT_BYTES) return putJoined(files, outputs);
  return jsonData({ case: 'json', value: `[${texts.join(',')}]` });
}

async function putJoined(files: FileStore, outputs: (Data | undefined)[]): Promise<Data> {
  const { hash, size } = await files.putStream(joinedText(files, outputs));
  const file: File = {
    $typeName: 'wiz.v1.File',
    name: 'output.json',
    hash,
    size,
    mediaType: 'application/json',
    folder: false,
  };
  return jsonData({ case: 'file', value: file }, DataForm.JSON);
}

/** Bytes that are gathered before they are handed on. */
const PIECE_BYTES = 64 * 1024;

async function* joinedText(
  files: FileStore,
  outputs: (Data | undefined)[],
): AsyncGenerator<Uint8Array, void, undefined> {
  let piece = '[';
  for (const [index, data] of outputs.entries()) {
    if (index > 0) piece += ',';
    if (data?.value.case !== 'file') piece += dataJson(data);
    else if (data.form === DataForm.JSON) {
      yield Buffer.from(piece);
      piece = '';
      yield* await files.read(data.value.value.hash);
    } else {
      const { hash, mediaType } = data.value.value;
      piece += contentJson(data.form, await files.readBytes(hash), data.mediaType || mediaType);
    }
    if (piece.length < PIECE_BYTES) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  yield Buffer.from(`${piece}]`);
}

function jsonData(value: Data['value'], form = DataForm.UNSPECIFIED): Data {
  return { $typeName: 'wiz.v1.Data', value, mediaType: '', form };
}
