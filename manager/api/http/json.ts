import type { DescMessage, JsonValue, Message } from '@bufbuild/protobuf';
import { create, createFileRegistry, type Registry, toJson } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

/**
 * Which types a google.protobuf.Any may hold in JSON: all. Programs hand on messages that no manager knows; what is in them
 * only protobuf can say, and JSON tells their type.
 */
export const anyType: Registry = {
  kind: 'registry',
  *[Symbol.iterator]() {},
  get: () => undefined,
  getMessage: emptyMessage,
  getEnum: () => undefined,
  getExtension: () => undefined,
  getExtensionFor: () => undefined,
  getService: () => undefined,
};

export const JSON_OPTIONS = { registry: anyType };

/** Types that are remembered; to make one up takes 26 us. */
const CAPACITY = 1000;
const known = new Map<string, DescMessage | undefined>();

function emptyMessage(typeName: string): DescMessage | undefined {
  if (known.has(typeName)) return known.get(typeName);
  const made = newMessage(typeName);
  if (known.size >= CAPACITY) known.clear();
  known.set(typeName, made);
  return made;
}

function newMessage(typeName: string): DescMessage | undefined {
  const dot = typeName.lastIndexOf('.');
  const file = create(FileDescriptorProtoSchema, {
    name: 'any.proto',
    syntax: 'proto3',
    package: typeName.slice(0, Math.max(dot, 0)),
    messageType: [{ name: typeName.slice(dot + 1) }],
  });
  return createFileRegistry(file, () => undefined).getMessage(typeName);
}

const texts = new WeakMap<Message, string>();

/** A message as JSON text. What stands in its lists is remembered: a thousand who watch a run are told the same events. */
export function jsonText(schema: DescMessage, given: Message): string {
  // Handlers may leave out what is empty.
  const message = create(schema, given);
  const record = message as unknown as Record<string, unknown>;
  const lists = schema.fields.filter(
    ({ fieldKind, localName }) => fieldKind === 'list' && (record[localName] as unknown[]).length > 0,
  );
  const parts: string[] = [];
  let rest: Record<string, unknown> | undefined;
  for (const field of lists) {
    if (field.fieldKind !== 'list' || field.listKind !== 'message') continue;
    const items = (record[field.localName] as Message[]).map((item) => itemText(field.message, item));
    parts.push(`${JSON.stringify(field.jsonName)}:[${items.join(',')}]`);
    rest ??= { ...record };
    rest[field.localName] = [];
  }
  const others = JSON.stringify(plain(schema, (rest ?? message) as Message));
  if (parts.length === 0) return others;
  return `{${[...(others === '{}' ? [] : [others.slice(1, -1)]), ...parts].join(',')}}`;
}

function itemText(schema: DescMessage, item: Message): string {
  let text = texts.get(item);
  if (text === undefined) {
    text = JSON.stringify(plain(schema, item));
    texts.set(item, text);
  }
  return text;
}

function plain(schema: DescMessage, message: Message): JsonValue {
  return toJson(schema, message, JSON_OPTIONS);
}
