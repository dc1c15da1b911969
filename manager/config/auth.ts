import { z } from 'zod';
import { isLoopback } from '../../proto/loopback.ts';
import { setting } from './setting.ts';

/** Who is let in, and how long it is kept who did what. */

const role = z.enum(['viewer', 'operator', 'admin'], { error: 'must be viewer, operator or admin' });

/** An issuer is compared as it is written, and its keys are as safe as its address. */
const issuerRule =
  'must be the https address of an issuer (http on this machine only), for example https://id.example.com';
const issuer = z.url({ error: issuerRule }).refine(isSafe, { error: issuerRule });

function isSafe(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.search !== '' || url.hash !== '' || url.username !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname));
}

/** Public keys only: with a shared secret (HS256), or none, anybody could sign. */
const algorithm = z.enum(
  ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
  { error: 'must be an algorithm with a public key, for example RS256, ES256 or EdDSA' },
);

const texts = z.array(z.string().min(1));

const oidc = z
  .strictObject({
    issuer: setting(issuer, { environment: 'WIZ_OIDC_ISSUER' }).meta({
      description: 'The provider; its keys are found from ISSUER/.well-known/openid-configuration.',
      examples: ['https://id.example.com/realms/lab'],
    }),
    clientId: setting(z.string().min(1), { environment: 'WIZ_OIDC_CLIENT_ID' }).meta({
      description: 'The client that `wiz login` is, for the device flow. A public one: it has no secret.',
    }),
    audience: texts
      .min(1)
      .meta({ description: 'Tokens must be for one of these. By default the client.' })
      .optional(),
    scopes: texts
      .meta({ description: 'What `wiz login` asks for.' })
      .default(['openid', 'profile', 'email', 'offline_access']),
    algorithms: z
      .array(algorithm)
      .min(1)
      .meta({ description: 'Signatures that are accepted.' })
      .default(['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519']),
    clockSkewSeconds: z
      .int()
      .min(0)
      .max(600)
      .meta({ description: 'So much the clocks of the provider and this machine may differ.' })
      .default(60),
    roleClaim: z
      .string()
      .min(1)
      .meta({
        description: 'The claim that says what somebody may do: its name, or its path.',
        examples: ['groups', 'realm_access.roles'],
      })
      .default('groups'),
    roles: z
      .record(z.string(), role)
      .meta({
        description: 'Role of each value of the claim; of several the highest.',
        examples: [{ 'wiz-admins': 'admin', science: 'operator' }],
      })
      .default({}),
    defaultRole: role
      .meta({ description: 'Role of whoever has none of the values. By default none: nothing is allowed.' })
      .optional(),
  })
  .meta({ description: 'A provider of OpenID Connect whose people may sign in.' });

/** As `Authorization: Bearer` carries it (RFC 6750); as long as 128 random bits at least. */
const bootstrapRule =
  'must have 32 characters or more of A-Z a-z 0-9 - . _ ~ + / (openssl rand -hex 32 makes one)';
const bootstrapToken = z
  .string({ error: bootstrapRule })
  .regex(/^[A-Za-z0-9\-._~+/]{32,1000}=*$/, { error: bootstrapRule });

export const auth = z
  .strictObject({
    anonymous: setting(role, { environment: 'WIZ_AUTH_ANONYMOUS' })
      .meta({ description: 'Role of whoever shows no credential. By default none: nothing is allowed.' })
      .optional(),
    basic: setting(z.boolean(), { environment: 'WIZ_AUTH_BASIC' })
      .meta({ description: 'Users with passwords may sign in.' })
      .default(true),
    bootstrapToken: setting(bootstrapToken, { environment: 'WIZ_BOOTSTRAP_TOKEN', secret: true })
      .meta({
        description: 'A token that opens everything, for automation. Keep it in a file.',
        examples: ['${file:/run/secrets/wiz-bootstrap}'],
      })
      .optional(),
    oidc: oidc.optional(),
    audit: z
      .strictObject({
        keepDays: setting(z.int().min(0), { environment: 'WIZ_AUDIT_KEEP_DAYS' })
          .meta({ description: 'So long it is kept who did what; 0 is for ever.' })
          .default(90),
      })
      .prefault({}),
  })
  .meta({ description: 'Who is let in.' })
  .prefault({});

export type AuthConfig = z.output<typeof auth>;
export type OidcConfig = NonNullable<AuthConfig['oidc']>;
