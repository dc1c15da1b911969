import type { FileStore } from '../../files/file-store.ts';
import { jsonData } from '../../proto/data-codec.ts';
import type { Data } from '../../proto/gen/wiz/v1/data_pb.js';
import { jsonPieces } from './value-pieces.ts';

/** The outputs of instances, from the JSON list that they are joined to; those that left nothing are left out. */
export async function* instanceValues(joined: Data | undefined, store: FileStore): AsyncIterable<Data> {
  if (joined === undefined) return;
  const pieces: Uint8Array[] = [];
  for await (const piece of jsonPieces(joined, store)) pieces.push(Buffer.from(piece));
  for (const value of JSON.parse(Buffer.concat(pieces).toString()) as unknown[]) {
    if (value !== null) yield dataOf(value);
  }
}

/** The other way of dataJson. */
function dataOf(json: unknown): Data {
  const data = (value: Data['value'], mediaType = ''): Data => ({ ...jsonData(''), value, mediaType });
  if (typeof json === 'object' && json !== null && Object.keys(json).length === 2) {
    const { text, lines, base64, mediaType, typeUrl } = json as Record<string, unknown>;
    if (typeof text === 'string' && Array.isArray(lines)) return data({ case: 'text', value: text });
    if (typeof base64 === 'string') {
      const value = Buffer.from(base64, 'base64');
      if (typeof mediaType === 'string') return data({ case: 'bytes', value }, mediaType);
      if (typeof typeUrl === 'string')
        return data({ case: 'any', value: { $typeName: 'google.protobuf.Any', typeUrl, value } });
    }
  }
  return jsonData(JSON.stringify(json));
}
