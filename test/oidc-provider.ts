import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

/** An OIDC provider on loopback: discovery, keys, the device flow, and tokens as a test wants them. */
export interface OidcProvider {
  readonly issuer: string;
  readonly clientId: string;
  /** A token as the provider would give it; `change` adds to its claims, or takes them away (undefined). */
  sign(change?: Claims, how?: Signing): Promise<string>;
  /** The public keys as the provider tells them. */
  readonly keys: JWK[];
  /** New keys; the old ones are told no more. */
  rotate(): Promise<void>;
  /** What it answers everything with, in place of what it should; undefined: as it should. */
  failing: { status: number; body?: string } | undefined;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** What the person at the browser does with the code of a device flow. */
  approve(userCode: string, claims?: Claims): void;
  deny(userCode: string): void;
  /** Resolves with the user code of the next device flow, or of one that has begun and was not told yet. */
  nextUserCode(): Promise<string>;
  close(): Promise<void>;
}

/** Claims of a token beside iss, aud, iat and exp. */
export type Claims = { [name: string]: unknown };

export interface Signing {
  alg?: string;
  kid?: string;
  /** Signed with this, whatever `alg` says. */
  key?: CryptoKey | Uint8Array;
}

export interface OidcProviderOptions {
  clientId?: string;
  /** Seconds that a client waits between questions. */
  interval?: number;
  /** Seconds for which tokens are good. */
  expiresIn?: number;
}

interface Flow {
  deviceCode: string;
  userCode: string;
  state: 'pending' | 'denied' | { claims: Claims };
}

const PERSON: Claims = { sub: 'u-1', preferred_username: 'ada', email: 'ada@example.com' };

export async function startOidcProvider(
  t: TestContext,
  options: OidcProviderOptions = {},
): Promise<OidcProvider> {
  const { clientId = 'wiz-cli', interval = 1, expiresIn = 300 } = options;
  const signers = new Map<string, { kid: string; privateKey: CryptoKey }>();
  const keys: JWK[] = [];
  const flows: Flow[] = [];
  const untold: Flow[] = [];
  const waiting: ((userCode: string) => void)[] = [];
  const refreshTokens = new Map<string, Claims>();
  const asked: string[] = [];
  let generation = 0;

  async function rotate(): Promise<void> {
    generation += 1;
    keys.length = 0;
    for (const alg of ['RS256', 'ES256', 'EdDSA']) {
      const kid = `${alg}-${generation}`;
      const { privateKey, publicKey } = await generateKeyPair(alg);
      signers.set(alg, { kid, privateKey });
      keys.push({ ...(await exportJWK(publicKey)), kid, alg, use: 'sig' });
    }
  }
  await rotate();

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://provider');
    asked.push(url.pathname);
    const send = (status: number, value: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(typeof value === 'string' ? value : JSON.stringify(value));
    };
    const { failing } = provider;
    if (failing !== undefined) send(failing.status, failing.body ?? '{}');
    else
      answer(request, url.pathname).then(
        ([status, value]) => send(status, value),
        () => send(500, {}),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  async function answer(request: IncomingMessage, path: string): Promise<[number, unknown]> {
    switch (`${request.method} ${path}`) {
      case 'GET /.well-known/openid-configuration':
        return [200, discovery(issuer)];
      case 'GET /jwks':
        return [200, { keys }];
      case 'POST /device_authorization':
        return begin(await formOf(request));
      case 'POST /token':
        return token(await formOf(request));
      default:
        return [404, { error: 'not_found' }];
    }
  }

  function begin(form: URLSearchParams): [number, unknown] {
    if (form.get('client_id') !== clientId) return [401, { error: 'invalid_client' }];
    const userCode = randomBytes(4).toString('hex').toUpperCase();
    const flow: Flow = { deviceCode: randomBytes(16).toString('hex'), userCode, state: 'pending' };
    flows.push(flow);
    const next = waiting.shift();
    if (next === undefined) untold.push(flow);
    else next(userCode);
    const place = `${issuer}/device`;
    return [
      200,
      {
        device_code: flow.deviceCode,
        user_code: userCode,
        verification_uri: place,
        verification_uri_complete: `${place}?user_code=${userCode}`,
        expires_in: 600,
        interval,
      },
    ];
  }

  async function token(form: URLSearchParams): Promise<[number, unknown]> {
    if (form.get('client_id') !== clientId) return [401, { error: 'invalid_client' }];
    if (form.get('grant_type') === 'refresh_token') {
      const claims = refreshTokens.get(form.get('refresh_token') ?? '');
      refreshTokens.delete(form.get('refresh_token') ?? '');
      return claims === undefined ? [400, { error: 'invalid_grant' }] : [200, await tokensFor(claims)];
    }
    const flow = flows.find(({ deviceCode }) => deviceCode === form.get('device_code'));
    if (flow === undefined) return [400, { error: 'expired_token' }];
    if (flow.state === 'pending') return [400, { error: 'authorization_pending' }];
    flows.splice(flows.indexOf(flow), 1);
    if (flow.state === 'denied') return [400, { error: 'access_denied' }];
    return [200, await tokensFor(flow.state.claims)];
  }

  async function tokensFor(claims: Claims): Promise<object> {
    const refreshToken = randomBytes(16).toString('hex');
    refreshTokens.set(refreshToken, claims);
    return {
      // Not to be understood by anybody but the provider, as many are.
      access_token: randomBytes(16).toString('hex'),
      token_type: 'Bearer',
      expires_in: expiresIn,
      id_token: await sign(claims),
      refresh_token: refreshToken,
    };
  }

  async function sign(change: Claims = {}, { alg = 'RS256', kid, key }: Signing = {}): Promise<string> {
    const nowS = Math.floor(Date.now() / 1000);
    const own = { iss: issuer, aud: clientId, iat: nowS, exp: nowS + expiresIn };
    const claims = Object.entries({ ...own, ...PERSON, ...change }).filter(
      ([, value]) => value !== undefined,
    );
    const signer = signers.get(alg);
    return new SignJWT(Object.fromEntries(claims) as JWTPayload)
      .setProtectedHeader({ alg, kid: kid ?? signer?.kid ?? 'unknown', typ: 'JWT' })
      .sign(key ?? signer!.privateKey);
  }

  function decide(userCode: string, state: Flow['state']): void {
    const flow = flows.find((one) => one.userCode === userCode);
    if (flow === undefined) throw new Error(`no device flow has the code ${userCode}`);
    flow.state = state;
  }

  const provider: OidcProvider = {
    issuer,
    clientId,
    sign,
    keys,
    rotate,
    failing: undefined,
    asked,
    approve: (userCode, claims = {}) => decide(userCode, { claims }),
    deny: (userCode) => decide(userCode, 'denied'),
    nextUserCode() {
      const flow = untold.shift();
      if (flow !== undefined) return Promise.resolve(flow.userCode);
      return new Promise((resolve) => waiting.push(resolve));
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  t.after(() => provider.close());
  return provider;
}

function discovery(issuer: string): object {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    device_authorization_endpoint: `${issuer}/device_authorization`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256', 'ES256', 'EdDSA'],
    grant_types_supported: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['none'],
    scopes_supported: ['openid', 'profile', 'email', 'offline_access'],
  };
}

async function formOf(request: IncomingMessage): Promise<URLSearchParams> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return new URLSearchParams(Buffer.concat(parts).toString());
}
