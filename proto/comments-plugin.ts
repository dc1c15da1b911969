/**
 * A plugin of buf: writes what the comments in our protos say into proto/gen/comments.js, by the full names of what they are
 * about. Descriptors have no comments at run time, and the OpenAPI document should tell what fields mean.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  type DescriptorProto,
  type EnumDescriptorProto,
  CodeGeneratorResponse_Feature as Feature,
  type FileDescriptorProto,
} from '@bufbuild/protobuf/wkt';

/** Numbers of fields in descriptor.proto: paths of comments are made of them. */
const IN_FILE = { message: 4, enum: 5, service: 6 };
const IN_MESSAGE = { field: 2, nested: 3, enum: 4 };
/** Of a value in an enum, and of a method in a service. */
const PART = 2;

const request = fromBinary(CodeGeneratorRequestSchema, readFileSync(0));
const comments = Object.fromEntries(
  request.protoFile.filter(({ package: name }) => name === 'wiz.v1').flatMap((file) => [...commentsOf(file)]),
);
const response = create(CodeGeneratorResponseSchema, {
  supportedFeatures: BigInt(Feature.PROTO3_OPTIONAL),
  file: [
    { name: 'comments.js', content: `export const comments = ${JSON.stringify(comments, null, 2)};\n` },
    { name: 'comments.d.ts', content: 'export declare const comments: Record<string, string>;\n' },
  ],
});
writeFileSync(1, toBinary(CodeGeneratorResponseSchema, response));

function* commentsOf(file: FileDescriptorProto): Generator<[string, string]> {
  const names = namesOf(file);
  for (const { path, leadingComments, trailingComments } of file.sourceCodeInfo?.location ?? []) {
    const name = names.get(path.join('.'));
    const text = [leadingComments, trailingComments].map(joined).filter(Boolean).join(' ');
    if (name !== undefined && text !== '') yield [name, text];
  }
}

/** Lines of a paragraph are one. */
function joined(comment: string): string {
  return comment
    .trim()
    .split(/\n\s*\n/)
    .map((paragraph) =>
      paragraph
        .split('\n')
        .map((line) => line.trim())
        .join(' '),
    )
    .join('\n\n');
}

function namesOf(file: FileDescriptorProto): Map<string, string> {
  const names = new Map<string, string>();
  const { package: scope } = file;
  for (const [i, message] of file.messageType.entries()) addMessage(message, scope, [IN_FILE.message, i]);
  for (const [i, one] of file.enumType.entries()) addEnum(one, scope, [IN_FILE.enum, i]);
  for (const [i, service] of file.service.entries()) {
    const name = `${scope}.${service.name}`;
    add(name, [IN_FILE.service, i]);
    for (const [j, method] of service.method.entries())
      add(`${name}.${method.name}`, [IN_FILE.service, i, PART, j]);
  }
  return names;

  function add(name: string, path: number[]): void {
    names.set(path.join('.'), name);
  }

  function addMessage(message: DescriptorProto, within: string, path: number[]): void {
    const name = `${within}.${message.name}`;
    add(name, path);
    for (const [i, field] of message.field.entries())
      add(`${name}.${field.name}`, [...path, IN_MESSAGE.field, i]);
    for (const [i, one] of message.nestedType.entries())
      addMessage(one, name, [...path, IN_MESSAGE.nested, i]);
    for (const [i, one] of message.enumType.entries()) addEnum(one, name, [...path, IN_MESSAGE.enum, i]);
  }

  function addEnum(one: EnumDescriptorProto, within: string, path: number[]): void {
    const name = `${within}.${one.name}`;
    add(name, path);
    for (const [i, value] of one.value.entries()) add(`${name}.${value.name}`, [...path, PART, i]);
  }
}
