/** What Node and OpenSSL say about a connection that could not be had, and what people are told. */
const PROBLEMS: [says: RegExp, told: string, advice: string][] = [
  [
    /certificate has expired/,
    'its TLS certificate has expired',
    'Give the executor a new one, and start it again.',
  ],
  [
    /certificate is not yet valid/,
    'its TLS certificate is not valid yet',
    'Check the clocks of both machines.',
  ],
  [
    /unable to verify|self-signed|unable to get (local )?issuer/,
    'its TLS certificate is of an authority that is not trusted',
    'Give the PEM of that authority (--tls-ca).',
  ],
  [
    /does not match certificate's altnames/,
    'its TLS certificate is for another name',
    'Use an address with a name that it has, or say which one it has (--tls-name).',
  ],
  [
    /alert certificate required|alert bad certificate|alert unknown ca/,
    'it wants a certificate of the manager, of an authority that it knows',
    'Give one (--tls-cert and --tls-key).',
  ],
  [
    /wrong version number|packet length too long|http request/,
    'it does not speak TLS',
    'Leave the flags for TLS away, or start the executor with --tls.',
  ],
  [
    /Failed to connect|socket hang up|disconnected before secure TLS|ECONNRESET|EPIPE/,
    'it hangs up',
    'It may speak TLS (--tls-ca), or be no executor.',
  ],
];

/** One clause and one sentence. */
export function connectionProblem(said: string): { told: string; advice: string } {
  const known = PROBLEMS.find(([says]) => says.test(said));
  if (known !== undefined) return { told: known[1], advice: known[2] };
  const code = /\b(E[A-Z]{3,}|ENOENT)\b/.exec(said)?.[0];
  return {
    // gRPC's words for people who write gRPC libraries go with the cause.
    told:
      code ??
      said
        .replace(/^No connection established\. Last error: /, '')
        .replace(/ ?Resolution note: $/, '')
        .replace(/\.$/, ''),
    advice: 'Is it running, and is the address right?',
  };
}
