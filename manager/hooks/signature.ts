import { createHmac } from 'node:crypto';

/**
 * Headers of a signed delivery by Standard Webhooks (standardwebhooks.com): v1 is HMAC-SHA256 over `id.timestamp.body`.
 * A secret that begins with `whsec_` is the key in base64, as that asks for; any other is the key itself.
 */
export function signedHeaders(
  id: string,
  nowMs: number,
  body: string,
  secret: string | undefined,
): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const headers = { 'webhook-id': id, 'webhook-timestamp': timestamp };
  if (secret === undefined) return headers;
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice('whsec_'.length), 'base64') : secret;
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { ...headers, 'webhook-signature': `v1,${signature}` };
}
