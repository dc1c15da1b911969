import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createFileRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { createConnectRouter } from '@connectrpc/connect';
import { AccessService, file_wiz_v1_access } from '../../proto/gen/wiz/v1/access_pb.js';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { RunService } from '../../proto/gen/wiz/v1/runs_pb.js';
import { routes } from '../api/routes.ts';
import { SERVICES } from '../api/services.ts';
import type { Manager } from '../manager.ts';
import { codeOf, guardedPlace, ROLES } from './access.fixture.ts';
import { roleName } from './identity.ts';
import { factsOf } from './methods.ts';

/** From the protos: a method that is added is tested, whoever adds it. */
const METHODS = SERVICES.flatMap((service) =>
  service.methods.map((method) => ({ method, ...factsOf(method) })),
);

describe('methods of the API', () => {
  it('are all of the services that are served', () => {
    const router = createConnectRouter();
    routes({} as Manager)(router);
    const served = new Set(router.handlers.map(({ service }) => service.typeName));
    assert.deepEqual([...served].sort(), SERVICES.map(({ typeName }) => typeName).sort());
  });

  it('say who may call them, and whoever changes something is no viewer', () => {
    for (const { name, role, changes } of METHODS) {
      assert.notEqual(role, Role.UNSPECIFIED, `${name} has no (wiz.v1.role)`);
      if (changes)
        assert.ok(role >= Role.OPERATOR, `${name} changes something; ${roleName(role)} may call it`);
    }
  });

  it('are refused to whoever shows no credential, but for those that are for anyone', async (t) => {
    const place = await guardedPlace(t);
    for (const { method, name, role } of METHODS) {
      const error = await place.call(method);
      if (role === Role.ANYONE) assert.equal(error, undefined, name);
      else {
        assert.equal(codeOf(error), 'Unauthenticated', name);
        assert.match(error!.metadata.get('www-authenticate') ?? '', /^Bearer /, name);
      }
    }
    assert.deepEqual(place.reached, []);
  });

  for (const role of ROLES) {
    it(`are refused to ${roleName(role)} when they need more, and only then`, async (t) => {
      const place = await guardedPlace(t);
      const authorization = `Bearer ${await place.token(role)}`;
      for (const { method, name, role: needed } of METHODS) {
        // What it is refused for then is another matter: the request is empty.
        const error = await place.call(method, authorization);
        if (role < needed) {
          assert.equal(codeOf(error), 'PermissionDenied', name);
          assert.ok(error!.rawMessage.includes(roleName(needed)), `${error!.rawMessage} names the role`);
        } else assert.notEqual(codeOf(error), 'PermissionDenied', name);
      }
      const wanted = METHODS.filter((one) => one.role <= role && one.method.parent !== AccessService);
      assert.deepEqual(
        place.reached.map(({ method }) => method),
        wanted.map(({ name }) => name),
      );
      assert.ok(place.reached.every(({ caller }) => caller?.role === role));
    });
  }

  it('are checked the same by the interceptor alone', async (t) => {
    const place = await guardedPlace(t, { ungated: true });
    const authorization = `Bearer ${await place.token(Role.VIEWER)}`;
    assert.equal(codeOf(await place.call(RunService.method.startRun)), 'Unauthenticated');
    assert.equal(codeOf(await place.call(RunService.method.startRun, authorization)), 'PermissionDenied');
    assert.equal(codeOf(await place.call(RunService.method.watchRun, authorization)), 'ok');
    assert.deepEqual(
      place.reached.map(({ method }) => method),
      ['RunService/WatchRun'],
    );
  });

  it('without a role are refused to everybody', async (t) => {
    const service = serviceWithoutRoles();
    const place = await guardedPlace(t, { services: [service] });
    for (const role of ROLES) {
      const error = await place.call(service.methods[0]!, `Bearer ${await place.token(role)}`);
      assert.equal(codeOf(error), 'PermissionDenied');
    }
    assert.deepEqual(place.reached, []);
  });
});

/** AccessService as it would be if its author had forgotten the options. */
function serviceWithoutRoles() {
  const copy = fromBinary(
    FileDescriptorProtoSchema,
    toBinary(FileDescriptorProtoSchema, file_wiz_v1_access.proto),
  );
  copy.service[0]!.name = 'ForgottenService';
  for (const method of copy.service[0]!.method) delete method.options;
  const registry = createFileRegistry(copy, (name) =>
    file_wiz_v1_access.dependencies.find((file) => file.proto.name === name),
  );
  return registry.getService('wiz.v1.ForgottenService')!;
}
