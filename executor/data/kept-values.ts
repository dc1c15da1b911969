import { create, toBinary } from '@bufbuild/protobuf';
import type { FileStore, StoredObject } from '../../files/file-store.ts';
import { INLINE_LIMIT_BYTES } from '../../proto/data.ts';
import { type Data, DataForm, DataSchema, FileSchema } from '../../proto/gen/wiz/v1/data_pb.js';

/** A value on its way to those that need it. */
export interface Output {
  data: Data | undefined;
  /** Of the value. */
  bytes: number;
}

export const BYTES_TYPE = 'application/octet-stream';

/** The value; as a file when it is over the limit of what travels as a value. */
export function keepValue(data: Data, store: FileStore): Output | Promise<Output> {
  const { case: kind, value } = data.value;
  switch (kind) {
    case 'json':
      return keepText(data, value, DataForm.JSON, store);
    case 'text':
      return keepText(data, value, DataForm.TEXT, store);
    case 'bytes':
      return keepBytes(data, value, DataForm.BYTES, store);
    case 'any':
      if (value.value.length <= INLINE_LIMIT_BYTES) return { data, bytes: value.value.length };
      return keepBytes(data, toBinary(DataSchema, data), DataForm.PROTOBUF, store);
    default:
      return { data, bytes: 0 };
  }
}

function keepText(data: Data, text: string, form: DataForm, store: FileStore): Output | Promise<Output> {
  const bytes = Buffer.byteLength(text);
  return bytes <= INLINE_LIMIT_BYTES ? { data, bytes } : keepBytes(data, Buffer.from(text), form, store);
}

/** `content` is what the value is as a file. */
export function keepBytes(
  data: Data,
  content: Uint8Array,
  form: DataForm,
  store: FileStore,
): Output | Promise<Output> {
  if (content.length <= INLINE_LIMIT_BYTES) return { data, bytes: content.length };
  return store.putBytes(content).then((object) => fileValue(object, form, data.mediaType));
}

export function fileValue({ hash, size }: StoredObject, form: DataForm, mediaType = ''): Output {
  const file = create(FileSchema, { hash, size, mediaType: mediaType || FILE_TYPES[form] });
  return { data: create(DataSchema, { value: { case: 'file', value: file }, form, mediaType }), bytes: size };
}

const FILE_TYPES: Record<DataForm, string> = {
  [DataForm.UNSPECIFIED]: BYTES_TYPE,
  [DataForm.JSON]: 'application/json',
  [DataForm.TEXT]: 'text/plain; charset=utf-8',
  [DataForm.LINES]: 'text/plain; charset=utf-8',
  [DataForm.BYTES]: BYTES_TYPE,
  [DataForm.PROTOBUF]: 'application/x-protobuf',
};
