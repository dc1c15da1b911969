import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { create, type DescMethod, type DescService } from '@bufbuild/protobuf';
import {
  Code,
  ConnectError,
  type ConnectRouter,
  createClient,
  createRouterTransport,
  type ServiceImpl,
  type Transport,
} from '@connectrpc/connect';
import { AccessService } from '../../proto/gen/wiz/v1/access_pb.js';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { SERVICES } from '../api/services.ts';
import { auth as authSchema } from '../config/auth.ts';
import type { AuditRow } from '../store/access-store.ts';
import { openSqliteStore } from '../store/sqlite.ts';
import type { Store } from '../store/store.ts';
import { type Access, createAccess } from './access.ts';
import { callerKey, type Identity } from './identity.ts';
import { accessService } from './service.ts';
import { hashOfSecret, newToken } from './token.ts';

/** The guard of a daemon before services that do nothing, on a store of its own. */
export interface GuardedPlace {
  store: Store;
  access: Access;
  /** What was called and by whom, of the services that do nothing. */
  reached: { method: string; caller: Identity | undefined }[];
  /** Every line that a log would have. */
  notes: string[];
  /** Milliseconds that the clock is ahead. */
  clock: { aheadMs: number };
  /** Where calls come from. */
  peer: { address: string };
  /** Calls a method with an empty request, and with this header; its error, or undefined. */
  call(method: DescMethod, authorization?: string): Promise<ConnectError | undefined>;
  /** The services with this header on every call. */
  transport(authorization?: string): Transport;
  /** Puts a token into the store; its text. */
  token(role: Role, change?: { scopes?: string[]; expiresMs?: number }): Promise<string>;
  /** Oldest first, when all is written. */
  audit(): Promise<AuditRow[]>;
}

export interface PlaceOptions {
  auth?: object;
  /** Services beside those of the API. */
  services?: DescService[];
  /** Only the interceptor, as on a transport without gates. */
  ungated?: boolean;
}

export const ROLES = [Role.VIEWER, Role.OPERATOR, Role.ADMIN];

export async function guardedPlace(t: TestContext, options: PlaceOptions = {}): Promise<GuardedPlace> {
  const folder = mkdtempSync(join(tmpdir(), 'wiz-access-'));
  const store = await openSqliteStore(join(folder, 'wiz.db'));
  const notes: string[] = [];
  const clock = { aheadMs: 0 };
  const peer = { address: '10.1.2.3' };
  const reached: GuardedPlace['reached'] = [];
  const access = createAccess({
    store,
    managerId: 'm1',
    auth: authSchema.parse(options.auth ?? {}),
    peerOf: () => peer.address,
    note: (message) => notes.push(message),
    now: () => Date.now() + clock.aheadMs,
  });
  t.after(async () => {
    await access.close();
    await store.close();
    rmSync(folder, { recursive: true });
  });

  const routes = (router: ConnectRouter) => {
    for (const service of [...SERVICES, ...(options.services ?? [])]) {
      if (service === AccessService) router.service(AccessService, accessService({ store, ...access }));
      else router.service(service, idle(service, reached));
    }
  };
  const gate = options.ungated ? {} : { requestGate: access.gate };
  const transport = (authorization?: string) =>
    createRouterTransport(routes, {
      router: { interceptors: [access.interceptor], ...gate },
      transport: {
        interceptors: [
          (next) => (request) => {
            if (authorization !== undefined) request.header.set('authorization', authorization);
            return next(request);
          },
        ],
      },
    });

  return {
    store,
    access,
    reached,
    notes,
    clock,
    peer,
    transport,
    async call(method, authorization) {
      try {
        const client = createClient(method.parent, transport(authorization)) as unknown as Record<
          string,
          (request: unknown) => Promise<unknown> & AsyncIterable<unknown>
        >;
        const request = create(method.input);
        const isStreamed = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming';
        const answer = client[method.localName]!(isStreamed ? one(request) : request);
        if (Symbol.asyncIterator in answer) for await (const _ of answer);
        else await answer;
        return undefined;
      } catch (error) {
        return ConnectError.from(error);
      }
    },
    async token(role, change = {}) {
      const { tokenId, secret, text } = newToken();
      const times = { createdMs: Date.now(), expiresMs: 0, revokedMs: 0, lastUsedMs: 0 };
      const row = {
        tokenId,
        name: `t-${tokenId}`,
        role,
        scopes: [],
        hash: hashOfSecret(secret),
        createdBy: 'test',
      };
      await store.createToken({ ...row, ...times, ...change });
      return text;
    },
    async audit() {
      await access.close();
      return (await store.listAudit({ limit: 10_000 })).toReversed();
    },
  };
}

async function* one<T>(value: T): AsyncGenerator<T> {
  yield value;
}

/** Every method answers with an empty message. */
function idle(service: DescService, reached: GuardedPlace['reached']): ServiceImpl<DescService> {
  const methods = service.methods.map((method) => {
    const note = (context: { values: { get(key: typeof callerKey): Identity | undefined } }) => {
      reached.push({ method: `${service.name}/${method.name}`, caller: context.values.get(callerKey) });
      return create(method.output);
    };
    const isStream = method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming';
    async function* stream(_: unknown, context: Parameters<typeof note>[0]) {
      yield note(context);
    }
    const plain = async (_: unknown, context: Parameters<typeof note>[0]) => note(context);
    return [method.localName, isStream ? stream : plain];
  });
  return Object.fromEntries(methods);
}

export function codeOf(error: ConnectError | undefined): string {
  return error === undefined ? 'ok' : Code[error.code]!;
}
