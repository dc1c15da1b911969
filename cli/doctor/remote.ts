/** Looks at a daemon from its client: is it reached, does it know us, and has it who does the work. */
import { statSync } from 'node:fs';
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import { type Finding, fail, ok, warn } from '../../proto/finding.ts';
import { AccessService } from '../../proto/gen/wiz/v1/access_pb.js';
import { Role } from '../../proto/gen/wiz/v1/options_pb.js';
import { WIZ_VERSION } from '../../proto/version.ts';
import type { Api } from '../api.ts';
import type { Place } from '../contexts/choose.ts';
import { contextsPath } from '../contexts/file.ts';
import { failureOf } from '../failure.ts';
import { duration } from '../render/words.ts';
import { roleWord } from '../roles.ts';
import { executor } from './manager.ts';

const DAY_MS = 86_400_000;
/** Days before its end from which a certificate should have been renewed. */
const SOON_DAYS = 14;
/** Milliseconds that clocks may be apart: a run that is started says when, and more than 5 minutes off it is refused. The
 *  daemon tells its time to the second. */
const CLOCK_MS = 30_000;
const TLS_MS = 5000;

export async function* remoteFindings(
  place: Place & { kind: 'remote' },
  opening: Promise<Api>,
): AsyncGenerator<Finding> {
  yield* contextFinding(place);
  let api: Api;
  try {
    api = await opening;
    yield* await reached(place, api);
  } catch (error) {
    yield fail('daemon', failureOf(error).message, 'wiz context show tells which one it is, and why.');
    return;
  }
  if (place.url.startsWith('https:')) yield* await certificateFinding(place);
  const identity = await identityFinding(api);
  yield identity.finding;
  if (identity.role === Role.UNSPECIFIED) return;
  yield await executorsFinding(api);
  if (identity.role >= Role.OPERATOR) yield await executor(opening);
}

function* contextFinding({ name, from }: Place & { kind: 'remote' }): Generator<Finding> {
  const path = contextsPath(process.env);
  const mode = (statSync(path, { throwIfNoEntry: false })?.mode ?? 0o600) & 0o777;
  if ((mode & 0o077) !== 0) {
    yield warn(
      'context',
      `${path} has mode ${mode.toString(8)}: others can read credentials`,
      `chmod 600 ${path}`,
    );
  } else yield ok('context', name ? `${name}, by ${from}` : `by ${from}`);
}

async function reached({ url }: Place & { kind: 'remote' }, api: Api): Promise<Finding[]> {
  const startedMs = performance.now();
  let version = '';
  let theirMs = Number.NaN;
  await api.client(AccessService).getLoginMethods(
    {},
    {
      onHeader(headers) {
        version = headers.get('wiz-version') ?? '';
        theirMs = Date.parse(headers.get('date') ?? '');
      },
    },
  );
  const took = ok('daemon', `${url}, answers in ${duration(performance.now() - startedMs)}`);
  const same = version === WIZ_VERSION;
  const advice = 'Use the same version on both sides.';
  const skew = same
    ? ok('version', version)
    : warn('version', `${version} there, ${WIZ_VERSION} here`, advice);
  const offMs = Math.abs(theirMs - Date.now());
  if (Number.isNaN(offMs)) return [took, skew];
  const clock =
    offMs < CLOCK_MS
      ? ok('clocks', 'the same')
      : warn('clocks', `${duration(offMs)} apart`, 'Set both, for example with timedatectl set-ntp true.');
  return [took, skew, clock];
}

/** That it is trusted is known by now. */
async function certificateFinding({ url, ca }: Place & { kind: 'remote' }): Promise<Finding[]> {
  const { hostname, port } = new URL(url);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const socket = connect({
    host,
    port: Number(port) || 443,
    ...(isIP(host) === 0 && { servername: host }),
    ...(ca !== undefined && { ca: [ca] }),
    rejectUnauthorized: false,
  });
  try {
    const toMs = await new Promise<number>((resolve, reject) => {
      socket.setTimeout(TLS_MS, () => reject(new Error('no answer')));
      socket.once('error', reject);
      socket.once('secureConnect', () => resolve(Date.parse(socket.getPeerCertificate().valid_to)));
    });
    const days = Math.floor((toMs - Date.now()) / DAY_MS);
    const until = new Date(toMs).toISOString().slice(0, 10);
    if (days >= SOON_DAYS) return [ok('certificate', `until ${until}`)];
    return [warn('certificate', `expires in ${days} days`, 'Whoever runs the daemon should renew it.')];
  } catch {
    // The call before it worked: it is of no more interest.
    return [];
  } finally {
    socket.destroy();
  }
}

async function identityFinding(api: Api): Promise<{ finding: Finding; role: Role }> {
  const name = 'signed in';
  try {
    const { identity } = await api.client(AccessService).getIdentity({});
    const { name: who, role, expiresUnixMs } = identity!;
    const words = `${who}, ${roleWord(role) || 'no role'}`;
    const leftMs = expiresUnixMs - Date.now();
    if (expiresUnixMs === 0 || leftMs > DAY_MS) return { finding: ok(name, words), role };
    return { finding: ok(name, `${words}, for ${duration(leftMs)}`), role };
  } catch (error) {
    const finding = fail(name, failureOf(error).message, 'wiz login URL signs in.');
    return { finding, role: Role.UNSPECIFIED };
  }
}

export async function executorsFinding(api: Api): Promise<Finding> {
  const name = 'executors';
  const { executors } = await api.manager.listExecutors({});
  const gone = executors.filter(({ reachable }) => !reachable);
  const [slots, running] = (['slots', 'running'] as const).map((key) =>
    executors.reduce((sum, one) => sum + one[key], 0),
  );
  const up = executors.length - gone.length;
  const words =
    executors.length === 0
      ? 'none yet; one is started when it is needed'
      : `${up} up, ${running} of ${slots} slots in use`;
  if (gone.length === 0) return ok(name, words);
  const lost = gone.map(({ executorId }) => executorId).join(', ');
  return warn(
    name,
    `${words}; ${gone.length} do not answer: ${lost}`,
    'Look at those machines, or take them out.',
  );
}
