import { type DescFile, type DescMessage, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { Code } from '@connectrpc/connect';

/** The messages of grpc.reflection, which are the same in v1 and v1alpha. */
interface Request {
  host: string;
  messageRequest:
    | {
        case: 'fileByFilename' | 'fileContainingSymbol' | 'allExtensionNumbersOfType' | 'listServices';
        value: string;
      }
    | { case: 'fileContainingExtension'; value: { containingType: string; extensionNumber: number } }
    | { case: undefined; value?: undefined };
}

/** Tells what the descriptors of services say, and of all that they refer to. */
export function createReflection(services: readonly DescService[]) {
  const files = new Map<string, DescFile>();
  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  for (const { file } of services) addFile(file);

  function addFile(file: DescFile): void {
    if (files.has(file.proto.name)) return;
    files.set(file.proto.name, file);
    for (const message of file.messages) addMessage(message);
    for (const { typeName } of file.enums) symbols.set(typeName, file);
    for (const service of file.services) {
      symbols.set(service.typeName, file);
      for (const method of service.methods) symbols.set(`${service.typeName}.${method.name}`, file);
    }
    for (const { typeName, extendee, number } of file.extensions) {
      symbols.set(typeName, file);
      const numbers = extensions.get(extendee.typeName) ?? new Map();
      extensions.set(extendee.typeName, numbers.set(number, file));
    }
    for (const dependency of file.dependencies) addFile(dependency);
  }

  function addMessage(message: DescMessage): void {
    symbols.set(message.typeName, message.file);
    for (const { typeName } of message.nestedEnums) symbols.set(typeName, message.file);
    for (const nested of message.nestedMessages) addMessage(nested);
  }

  /** A file and those it needs, without those that this stream was told before. */
  function withNeeded(file: DescFile, told: Set<string>): Uint8Array[] {
    if (told.has(file.proto.name)) return [];
    told.add(file.proto.name);
    return [
      toBinary(FileDescriptorProtoSchema, file.proto),
      ...file.dependencies.flatMap((dependency) => withNeeded(dependency, told)),
    ];
  }

  function answer({ messageRequest: { case: kind, value } }: Request, told: Set<string>) {
    switch (kind) {
      case 'listServices':
        return ok('listServicesResponse', { service: services.map(({ typeName: name }) => ({ name })) });
      case 'fileByFilename':
        return fileAnswer(files.get(value), value, told);
      case 'fileContainingSymbol':
        return fileAnswer(symbols.get(value), value, told);
      case 'fileContainingExtension': {
        const { containingType, extensionNumber } = value;
        const file = extensions.get(containingType)?.get(extensionNumber);
        return fileAnswer(file, `extension ${extensionNumber} of ${containingType}`, told);
      }
      case 'allExtensionNumbersOfType': {
        if (!symbols.has(value)) return unknown(value);
        const extensionNumber = [...(extensions.get(value)?.keys() ?? [])];
        return ok('allExtensionNumbersResponse', { baseTypeName: value, extensionNumber });
      }
      case undefined:
        return error(Code.InvalidArgument, 'The request asks for nothing.');
    }
  }

  function fileAnswer(file: DescFile | undefined, name: string, told: Set<string>) {
    if (file === undefined) return unknown(name);
    // Asked for again, it is told again, without the rest.
    const all = withNeeded(file, told);
    const fileDescriptorProto = all.length > 0 ? all : [toBinary(FileDescriptorProtoSchema, file.proto)];
    return ok('fileDescriptorResponse', { fileDescriptorProto });
  }

  return {
    async *serverReflectionInfo(requests: AsyncIterable<Request>) {
      const told = new Set<string>();
      for await (const request of requests) {
        const messageResponse = answer(request, told);
        yield { validHost: request.host, originalRequest: request, messageResponse };
      }
    },
  };
}

function ok<Case extends string, Value>(kind: Case, value: Value) {
  return { case: kind, value };
}

function unknown(name: string) {
  return error(Code.NotFound, `Nothing here is called ${name}.`);
}

function error(errorCode: Code, errorMessage: string) {
  return ok('errorResponse', { errorCode, errorMessage });
}
