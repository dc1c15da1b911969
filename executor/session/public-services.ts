import { toBinary } from '@bufbuild/protobuf';
import type { Server } from '@grpc/grpc-js';
import type { HealthImplementation } from 'grpc-health-check';
import { file_wiz_v1_data } from '../../proto/gen/wiz/v1/data_pb.js';
import { ExecutorService, file_wiz_v1_executors } from '../../proto/gen/wiz/v1/executors_pb.js';
import { addLazyService, requirePackage } from './lazy-service.ts';

/** gRPC health (for the whole server and for the executor service) and reflection, for stock clients. */
export function addPublicServices(server: Server): { serving(yes: boolean): void } {
  let health: HealthImplementation | undefined;
  let status: 'SERVING' | 'NOT_SERVING' = 'SERVING';
  const names = ['', ExecutorService.typeName];

  addLazyService(server, {
    name: 'grpc.health.v1.Health',
    methods: { Check: 'unary', Watch: 'serverStream', List: 'unary' },
    async load(registrar) {
      const { HealthImplementation: Health } = requirePackage('grpc-health-check');
      health = new Health(Object.fromEntries(names.map((name) => [name, status]))) as HealthImplementation;
      health.addToServer(registrar as Server);
    },
  });
  for (const version of ['v1', 'v1alpha']) {
    addLazyService(server, {
      name: `grpc.reflection.${version}.ServerReflection`,
      methods: { ServerReflectionInfo: 'bidi' },
      async load(registrar) {
        const { ReflectionService } = requirePackage('@grpc/reflection');
        new ReflectionService(await describedFiles()).addToServer(registrar);
      },
    });
  }
  return {
    serving(yes) {
      status = yes ? 'SERVING' : 'NOT_SERVING';
      for (const name of names) health?.setStatus(name, status);
    },
  };
}

/** The form in which the reflection package takes descriptors: a package definition with nothing but files. */
async function describedFiles() {
  // All well-known types come with it, 10 ms.
  const { FileDescriptorProtoSchema, file_google_protobuf_any } = await import('@bufbuild/protobuf/wkt');
  const { service } = requirePackage('grpc-health-check');
  const own = [file_google_protobuf_any, file_wiz_v1_data, file_wiz_v1_executors].map((file) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)),
  );
  const files = [...own, ...service.Check.requestType.fileDescriptorProtos];
  return { files: { format: '', type: {}, fileDescriptorProtos: files } };
}
