/** Where an S3 store is; parsed before the S3 client is loaded, so that a typing error is told at once. */
export interface S3Address {
  bucket: string;
  /** Empty, or ends with `/`. */
  prefix: string;
  /** Undefined: Amazon's for the region. */
  endpoint: string | undefined;
  /** Undefined: AWS_REGION, AWS_DEFAULT_REGION, us-east-1. */
  region: string | undefined;
  /** The bucket is the first part of the path and not of the host name. */
  pathStyle: boolean;
}

const OPTIONS = ['endpoint', 'region', 'pathStyle'];

export function parseS3Address(address: string, wrong: (reason: string) => Error): S3Address {
  if (!URL.canParse(address)) throw wrong('it is no URL');
  const url = new URL(address);
  if (url.username || url.password || url.port) {
    throw wrong(
      'it has a user, password or port; credentials come from the environment, and the host from ?endpoint=',
    );
  }
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$/.test(url.hostname)) throw wrong('it names no bucket');
  for (const name of url.searchParams.keys()) {
    if (!OPTIONS.includes(name)) throw wrong(`it has no option ${name}, only ${OPTIONS.join(', ')}`);
  }
  const prefix = decodeURIComponent(url.pathname).replace(/^\/+|\/+$/g, '');
  return {
    bucket: url.hostname,
    prefix: prefix === '' ? '' : `${prefix}/`,
    endpoint: endpointOf(url.searchParams.get('endpoint'), wrong),
    region: url.searchParams.get('region') || undefined,
    pathStyle: pathStyleOf(url.searchParams.get('pathStyle'), wrong),
  };
}

function endpointOf(text: string | null, wrong: (reason: string) => Error): string | undefined {
  if (text === null) return undefined;
  if (URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol)) return text;
  throw wrong(`the endpoint ${JSON.stringify(text)} does not begin with http:// or https://`);
}

function pathStyleOf(text: string | null, wrong: (reason: string) => Error): boolean {
  if (text === null || text === 'false') return false;
  if (text === 'true') return true;
  throw wrong(`pathStyle is true or false, not ${JSON.stringify(text)}`);
}
