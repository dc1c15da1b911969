import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { protoPath as healthProto } from 'grpc-health-check';
import type { DescribeResponse } from '../../proto/gen/wiz/v1/executors_pb.js';
import { bearer, type Client, TOKEN, testExecutor } from './session.fixture.ts';

function describe(client: Client, metadata: grpc.Metadata): Promise<DescribeResponse> {
  return new Promise((resolve, reject) => {
    client.describe({ $typeName: 'wiz.v1.DescribeRequest' }, metadata, {}, (error, response) =>
      error ? reject(error) : resolve(response!),
    );
  });
}

/** A client made from a .proto file, as any other program would have it. */
// biome-ignore lint/suspicious/noExplicitAny: made at run time.
function stockClient(proto: string, service: string, address: string): any {
  const loaded = grpc.loadPackageDefinition(loadSync(proto, { keepCase: true, enums: String, oneofs: true }));
  // biome-ignore lint/suspicious/noExplicitAny: made at run time.
  const Constructor = service.split('.').reduce((scope: any, name) => scope[name], loaded);
  return new Constructor(address, grpc.credentials.createInsecure());
}

test('tells what it is and which processors it has', async (t) => {
  const executor = await testExecutor(t, { slots: 7 });
  const described = await describe(executor.client(), bearer(TOKEN));
  assert.deepEqual(
    [described.executorId, described.version, described.pid, described.slots],
    ['executor-under-test', '1.2.3', process.pid, 7],
  );
  assert.ok(described.processors.some(({ name }) => name === 'noop'));
});

test('refuses every call without its token', async (t) => {
  const executor = await testExecutor(t);
  const client = executor.client();
  for (const metadata of [new grpc.Metadata(), bearer('the-tokem'), bearer('')]) {
    await assert.rejects(describe(client, metadata), { code: grpc.status.UNAUTHENTICATED });
  }
  const stream = client.session(bearer('wrong'));
  stream.resume();
  const error = await new Promise<grpc.ServiceError>((resolve) => stream.on('error', resolve));
  assert.equal(error.code, grpc.status.UNAUTHENTICATED);
  assert.match(error.details, /must carry its token/);
});

test('a stock client gets SERVING without a token', async (t) => {
  const executor = await testExecutor(t);
  const client = stockClient(healthProto, 'grpc.health.v1.Health', executor.address);
  t.after(() => client.close());
  const check = (service: string) =>
    new Promise((resolve, reject) => {
      client.Check({ service }, (error: Error | null, answer: { status: string }) =>
        error ? reject(error) : resolve(answer.status),
      );
    });
  assert.equal(await check(''), 'SERVING');
  assert.equal(await check('wiz.v1.ExecutorService'), 'SERVING');
  await assert.rejects(check('wiz.v1.Other'), { code: grpc.status.NOT_FOUND });
  const watch = client.Watch({ service: '' });
  watch.on('error', () => {});
  const first = await new Promise<{ status: string }>((resolve) => watch.once('data', resolve));
  assert.equal(first.status, 'SERVING');
  watch.cancel();
});

test('reflection lists the services and gives their files', async (t) => {
  const executor = await testExecutor(t);
  const proto = fileURLToPath(
    new URL('../proto/grpc/reflection/v1/reflection.proto', import.meta.resolve('@grpc/reflection')),
  );
  const client = stockClient(proto, 'grpc.reflection.v1.ServerReflection', executor.address);
  t.after(() => client.close());
  const stream = client.ServerReflectionInfo(bearer(TOKEN));
  const ask = (request: object) =>
    // biome-ignore lint/suspicious/noExplicitAny: made at run time.
    new Promise<any>((resolve, reject) => {
      stream.once('data', resolve).once('error', reject);
      stream.write(request);
    });
  const { list_services_response: list } = await ask({ list_services: '' });
  assert.deepEqual(list.service.map(({ name }: { name: string }) => name).sort(), [
    'grpc.health.v1.Health',
    'wiz.v1.ExecutorService',
  ]);
  const { file_descriptor_response: files } = await ask({ file_containing_symbol: 'wiz.v1.ExecutorService' });
  const names = files.file_descriptor_proto.map(
    (bytes: Buffer) => fromBinary(FileDescriptorProtoSchema, bytes).name,
  );
  assert.ok(
    names.some((name: string) => name.includes('executors')),
    names.join(),
  );
  stream.end();
});

test('the socket is for its owner only', async (t) => {
  const { address } = await testExecutor(t);
  const path = address.slice('unix:'.length);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
});

test('listens on a free port of this machine', async (t) => {
  const executor = await testExecutor(t, { address: '127.0.0.1:0' });
  assert.match(executor.address, /^127\.0\.0\.1:[1-9]\d*$/);
  assert.equal((await describe(executor.client(), bearer(TOKEN))).executorId, 'executor-under-test');
});

test('an address that is taken is an error that names it', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  t.after(() => taken.close());
  await new Promise((resolve) => taken.once('listening', resolve));
  const address = `127.0.0.1:${(taken.address() as { port: number }).port}`;
  await assert.rejects(testExecutor(t, { address }), { code: 'unavailable', message: new RegExp(address) });
});

test('with TLS and a client authority, only managers with a certificate are heard', async (t) => {
  const pem = (name: string) => readFileSync(new URL(`./tls.fixture/${name}.pem`, import.meta.url));
  const [certificate, key] = [pem('certificate'), pem('key')];
  const tls = { certificate, key, clientAuthority: certificate };
  const executor = await testExecutor(t, { address: '127.0.0.1:0', tls });
  const withCertificate = executor.client(grpc.credentials.createSsl(certificate, key, certificate));
  assert.equal((await describe(withCertificate, bearer(TOKEN))).executorId, 'executor-under-test');
  const without = executor.client(grpc.credentials.createSsl(certificate));
  await assert.rejects(describe(without, bearer(TOKEN)), { code: grpc.status.UNAVAILABLE });
  await assert.rejects(describe(executor.client(), bearer(TOKEN)), { code: grpc.status.UNAVAILABLE });
});
