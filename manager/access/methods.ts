import { type DescMethod, getOption } from '@bufbuild/protobuf';
import { MethodOptions_IdempotencyLevel } from '@bufbuild/protobuf/wkt';
import { Role, role } from '../../proto/gen/wiz/v1/options_pb.js';
import { SERVICES } from '../api/services.ts';

/** What the protos say about a method. */
export interface MethodFacts {
  /** Service/Method, as scopes and the audit have it. */
  name: string;
  /** The least role; UNSPECIFIED is refused to everybody. */
  role: Role;
  /** It may change something, so that it is audited. */
  changes: boolean;
}

const known = new WeakMap<DescMethod, MethodFacts>();

export function factsOf(method: DescMethod): MethodFacts {
  let facts = known.get(method);
  if (facts === undefined) {
    facts = {
      name: `${method.parent.name}/${method.name}`,
      role: getOption(method, role) ?? Role.UNSPECIFIED,
      changes: method.idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
    };
    known.set(method, facts);
  }
  return facts;
}

/** Names of all methods of the API, Service/Method. */
export function methodNames(): string[] {
  return SERVICES.flatMap((service) => service.methods.map((method) => factsOf(method).name));
}
