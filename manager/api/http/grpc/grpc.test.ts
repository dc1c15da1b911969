import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError, type HandlerContext } from '@connectrpc/connect';
import {
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, loadSync } from '@grpc/proto-loader';
import { root } from '../../../../test/wiz.ts';
import { servedManager } from '../daemon.fixture.ts';
import type { HttpServer } from '../server.ts';
import { healthService } from './health.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a client that was not generated gets
type Any = any;
const protos = {
  'grpc.reflection.v1.ServerReflection': '@grpc/reflection/build/proto/grpc/reflection/v1/reflection.proto',
  'grpc.reflection.v1alpha.ServerReflection':
    '@grpc/reflection/build/proto/grpc/reflection/v1alpha/reflection.proto',
  'grpc.health.v1.Health': 'grpc-health-check/proto/health/v1/health.proto',
};

describe('for clients of gRPC', () => {
  const { daemon, server } = servedManager();
  const clients: Client[] = [];
  after(() => {
    for (const client of clients) client.close();
  });

  function clientOf(
    definition: Parameters<typeof loadPackageDefinition>[0],
    name: string,
    to: HttpServer,
  ): Any {
    const found = name.split('.').reduce((at: Any, part) => at[part], loadPackageDefinition(definition));
    const client = new (found as ServiceClientConstructor)(
      `127.0.0.1:${to.port}`,
      credentials.createInsecure(),
    );
    clients.push(client);
    return client;
  }
  const stock = (name: keyof typeof protos, to = server) =>
    clientOf(loadSync(join(root, 'node_modules', protos[name]), { enums: String, oneofs: true }), name, to);

  /** Asks one thing after the other on one stream. */
  async function reflect(client: Any, requests: object[], metadata = new Metadata()): Promise<Any[]> {
    const stream: ClientDuplexStream<object, Any> = client.serverReflectionInfo(metadata);
    const answers: Any[] = [];
    for (const request of requests) stream.write(request);
    stream.end();
    for await (const answer of stream) answers.push(answer);
    return answers;
  }

  for (const version of ['v1', 'v1alpha'] as const) {
    it(`tells by reflection ${version} enough to call every method`, async () => {
      const reflection = stock(`grpc.reflection.${version}.ServerReflection`);
      const [list] = await reflect(reflection, [{ listServices: '' }]);
      const names: string[] = list.listServicesResponse.service.map(({ name }: Any) => name);
      for (const name of ['wiz.v1.RunService', 'grpc.health.v1.Health'])
        assert.ok(names.includes(name), name);
      const answers = await reflect(
        reflection,
        names.map((fileContainingSymbol) => ({ fileContainingSymbol })),
      );
      const files = new Map(
        answers
          .flatMap(({ fileDescriptorResponse }) => fileDescriptorResponse.fileDescriptorProto as Buffer[])
          .map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes))
          .map((file) => [file.name, file]),
      );
      const set = create(FileDescriptorSetSchema, { file: [...files.values()] });
      const definition = loadFileDescriptorSetFromBuffer(
        Buffer.from(toBinary(FileDescriptorSetSchema, set)),
        {
          enums: String,
        },
      );
      const manager = clientOf(definition, 'wiz.v1.ManagerService', server);
      const told = await new Promise<Any>((resolve, reject) => {
        manager.getManager({}, (error: ServiceError | null, value: Any) =>
          error ? reject(error) : resolve(value),
        );
      });
      assert.equal(told.manager_id, daemon.manager.managerId);
      const runs = clientOf(definition, 'wiz.v1.RunService', server);
      // From descriptors, proto-loader takes names as they are in the protos.
      const ad_hoc = { argv: ['true'], workdir: daemon.folder };
      const started = await new Promise<Any>((resolve, reject) => {
        runs.startRun({ ad_hoc }, (error: ServiceError | null, value: Any) =>
          error ? reject(error) : resolve(value),
        );
      });
      const events: Any[] = [];
      const stream: ClientReadableStream<Any> = runs.watchRun({ run_id: started.run.run_id });
      for await (const message of stream) events.push(...message.events);
      assert.equal(events.at(-1).run_ended.state, 'RUN_STATE_SUCCEEDED');
    });
  }

  it('answers every question of reflection', async () => {
    const reflection = stock('grpc.reflection.v1.ServerReflection');
    const answers = await reflect(reflection, [
      { fileByFilename: 'wiz/v1/options.proto' },
      { fileContainingSymbol: 'wiz.v1.RunService.WatchRun' },
      { fileContainingSymbol: 'wiz.v1.nothing' },
      {
        fileContainingExtension: { containingType: 'google.protobuf.MethodOptions', extensionNumber: 50101 },
      },
      { allExtensionNumbersOfType: 'google.protobuf.MethodOptions' },
      { allExtensionNumbersOfType: 'wiz.v1.Run' },
      {},
    ]);
    const kinds = answers.map(({ messageResponse }) => messageResponse);
    assert.deepEqual(kinds, [
      'fileDescriptorResponse',
      'fileDescriptorResponse',
      'errorResponse',
      'fileDescriptorResponse',
      'allExtensionNumbersResponse',
      'allExtensionNumbersResponse',
      'errorResponse',
    ]);
    assert.equal(answers[2].errorResponse.errorCode, Code.NotFound);
    assert.ok(answers[4].allExtensionNumbersResponse.extensionNumber.includes(50101));
    const seen = fromBinary(
      FileDescriptorProtoSchema,
      answers[3].fileDescriptorResponse.fileDescriptorProto[0],
    );
    assert.equal(seen.name, 'wiz/v1/options.proto');
  });

  it('tells health, and that it does not serve while it drains', async () => {
    const leaving = await daemon.serve();
    const health = stock('grpc.health.v1.Health', leaving);
    const check = (service: string) =>
      new Promise<Any>((resolve, reject) => {
        health.check({ service }, (error: ServiceError | null, value: Any) =>
          error ? reject(error) : resolve(value),
        );
      });
    assert.equal((await check('')).status, 'SERVING');
    assert.equal((await check('wiz.v1.RunService')).status, 'SERVING');
    await assert.rejects(check('nobody'), { code: Code.NotFound });
    const statuses: string[] = [];
    const stream: ClientReadableStream<Any> = health.watch({ service: 'wiz.v1.RunService' });
    const over = new Promise<ServiceError>((resolve) => stream.once('error', resolve));
    await new Promise<void>((resolve) => {
      stream.on('data', ({ status }) => {
        statuses.push(status);
        resolve();
      });
    });
    leaving.drain();
    assert.equal((await over).code, Code.Unavailable);
    assert.deepEqual(statuses, ['SERVING', 'NOT_SERVING']);
    assert.equal((await check('')).status, 'NOT_SERVING');
  });

  it('keeps nothing of those who watched health', async () => {
    const draining = new AbortController();
    const leave = new AbortController();
    const { watch } = healthService([], draining.signal);
    const context = { signal: leave.signal } as HandlerContext;
    const statuses = (watch({ service: '' } as never, context) as AsyncIterable<unknown>)[
      Symbol.asyncIterator
    ]();
    await statuses.next();
    const end = statuses.next();
    leave.abort();
    assert.equal((await end).done, true);
    assert.equal(getEventListeners(draining.signal, 'abort').length, 0);
  });

  it('asks for a credential before it reflects, and not before it tells health', async () => {
    const guarded = await daemon.serve({
      async admit(headers) {
        if (headers.get('authorization') !== 'Bearer good')
          throw new ConnectError('Who?', Code.Unauthenticated);
      },
    });
    const reflection = stock('grpc.reflection.v1.ServerReflection', guarded);
    const metadata = new Metadata();
    metadata.set('authorization', 'Bearer good');
    assert.equal((await reflect(reflection, [{ listServices: '' }], metadata)).length, 1);
    await assert.rejects(reflect(reflection, [{ listServices: '' }]), { code: Code.Unauthenticated });
    const health = stock('grpc.health.v1.Health', guarded);
    await new Promise<void>((resolve, reject) => {
      health.list({}, (error: ServiceError | null) => (error ? reject(error) : resolve()));
    });
  });
});
