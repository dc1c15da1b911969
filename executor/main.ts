import { readFileSync, writeSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { WizError } from '../proto/error.ts';
import { silentLog } from '../proto/log.ts';
import { openSpans } from '../proto/spans.ts';
import { WIZ_VERSION } from '../proto/version.ts';
import { executorLog } from './observe/log.ts';
import { type RunOptions, runExecutor } from './run-executor.ts';

/**
 * The program that `wiz executor` runs, and that managers launch:
 *
 *   --listen ADDRESS     unix:/path or host:port (port 0: any free one); default a socket in --home
 *   --token-file FILE    what every call must carry; else WIZ_EXECUTOR_TOKEN
 *   --slots N            programs at once; default twice the processors, at least 4
 *   --id ID              default drawn at random
 *   --home DIR           folder of this executor alone; default executors/ID in the state folder
 *   --staging DIR        where runs have their staging folders, DIR/RUN/ID, which stay there; default in --home
 *   --files ADDRESS      the file store: folder:/absolute/path or s3://BUCKET/PREFIX?...; default a folder in --home
 *   --warm MS            ends after this long without sessions and work; default 30000, 0 is never
 *   --orphan MS          ends its work and itself after this long without a session; default 300000, 0 is never
 *   --drain-timeout MS   how long SIGTERM lets its work go on; default 20000, and 0 with --ready-fd
 *   --tls-cert FILE --tls-key FILE --tls-client-ca FILE    PEM; with the last, managers must show a certificate
 *   --insecure           a network address without TLS
 *   --sweep ID,ID        kills what is left of the programs of executors that died here
 *   --ready-fd N         says there that it serves, as one line of JSON, instead of on stdout
 *   --describe           prints its processors (JSON list of ProcessorType) and ends
 *
 * SIGTERM, and SIGINT unless it was launched with --ready-fd: takes nothing new, hands back what has not begun, lets
 * the rest go on for --drain-timeout, ends what is left then with its grace (its reports say that this is not its fault),
 * hands over the reports, and ends. The second one ends the work now, the third one the process. Exit codes: 0 ended as
 * asked or by itself, 2 wrong flags, 3 cannot serve.
 */
const FLAGS = {
  listen: { type: 'string' },
  'token-file': { type: 'string' },
  slots: { type: 'string' },
  id: { type: 'string' },
  home: { type: 'string' },
  staging: { type: 'string' },
  files: { type: 'string' },
  warm: { type: 'string' },
  orphan: { type: 'string' },
  'drain-timeout': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-client-ca': { type: 'string' },
  insecure: { type: 'boolean' },
  sweep: { type: 'string' },
  describe: { type: 'boolean' },
  'ready-fd': { type: 'string' },
} as const;

type Flags = ReturnType<typeof parseArgs<{ options: typeof FLAGS }>>['values'];

/** Beside this file, from its sources as in the bundle. */
const spawnerEntry = fileURLToPath(
  new URL(`./program/spawner-main.${import.meta.filename.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url),
);

/** Milliseconds: below the 30 s that Kubernetes gives a pod, with what the end itself takes. */
const DRAIN_MS = 20_000;

async function main(argv: string[]): Promise<void> {
  const flags = readFlags(argv);
  if (flags.describe) return printCatalogue();
  const launched = flags['ready-fd'] !== undefined;
  const drainMs = numberOf(flags['drain-timeout'], '--drain-timeout', 0) ?? (launched ? 0 : DRAIN_MS);
  let asked = 0;
  let obey = () => {};
  const ask = () => {
    asked += 1;
    obey();
  };
  process.on('SIGTERM', ask);
  // Ctrl-C in a terminal is for whoever launched it; it ends what a person started.
  process.on('SIGINT', launched ? () => {} : ask);

  const log = launched ? silentLog : executorLog(process.env, { isTerminal: !!process.stderr.isTTY });
  const spans = await openSpans({ service: 'wiz-executor', environment: process.env, closeMs: CLOSE_MS });
  const executor = await runExecutor({ ...optionsOf(flags), log, spans });
  const { id: executorId, address, slots } = executor;
  const ready = { executorId, address, pid: process.pid, slots };
  if (launched) writeReady(Number(flags['ready-fd']), ready);
  else console.log(JSON.stringify(ready));

  log.info('serving', { executor: executorId, address, slots, pid: process.pid, version: WIZ_VERSION });
  const ways = [() => executor.drain(drainMs), executor.stop, () => process.exit(1)];
  if (drainMs === 0) ways.shift();
  obey = () => ways[Math.min(asked, ways.length) - 1]!();
  // Asked during the start: once, however impatiently.
  if (asked > 0) {
    asked = 1;
    obey();
  }
  await executor.ended;
  log.info('ended', { executor: executorId });
  await spans?.close();
  process.exit(0);
}

/** Milliseconds that an executor waits at its end for a collector of traces. */
const CLOSE_MS = 2000;

function readFlags(argv: string[]): Flags {
  try {
    return parseArgs({ args: argv, options: FLAGS }).values;
  } catch (cause) {
    throw new WizError('invalid_argument', (cause as Error).message, { cause });
  }
}

function optionsOf(flags: Flags): RunOptions {
  return {
    listen: flags.listen,
    token: tokenOf(flags['token-file']),
    slots: numberOf(flags.slots, '--slots', 1),
    id: flags.id,
    home: flags.home,
    staging: flags.staging,
    files: flags.files,
    warmMs: numberOf(flags.warm, '--warm', 0),
    orphanMs: numberOf(flags.orphan, '--orphan', 0),
    tls: tlsOf(flags),
    insecure: flags.insecure,
    spawnerEntry,
    sweep: flags.sweep?.split(',').filter((id) => id !== ''),
  };
}

function numberOf(text: string | undefined, flag: string, least: number): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text) && Number(text) >= least) return Number(text);
  throw new WizError('invalid_argument', `${flag} ${text} must be a whole number of at least ${least}.`);
}

function tokenOf(file: string | undefined): string {
  const token = (file === undefined ? process.env.WIZ_EXECUTOR_TOKEN : readGiven(file, '--token-file'))
    ?.toString()
    .trim();
  // Neither our own code nor a library has to see it from here on.
  delete process.env.WIZ_EXECUTOR_TOKEN;
  if (token) return token;
  const message = 'An executor needs a token that managers show: give --token-file or WIZ_EXECUTOR_TOKEN.';
  throw new WizError('invalid_argument', message);
}

function tlsOf(flags: Flags): RunOptions['tls'] {
  const { 'tls-cert': certificate, 'tls-key': key, 'tls-client-ca': clientAuthority } = flags;
  if (certificate === undefined && key === undefined && clientAuthority === undefined) return undefined;
  if (certificate === undefined || key === undefined) {
    throw new WizError('invalid_argument', 'TLS needs both --tls-cert and --tls-key.');
  }
  return {
    certificate: readGiven(certificate, '--tls-cert'),
    key: readGiven(key, '--tls-key'),
    clientAuthority:
      clientAuthority === undefined ? undefined : readGiven(clientAuthority, '--tls-client-ca'),
  };
}

function readGiven(path: string, flag: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new WizError('invalid_argument', `${flag} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}

/** Whoever launched it may be gone already; then the orphan time will tell. */
function writeReady(fd: number, ready: object): void {
  try {
    writeSync(fd, `${JSON.stringify(ready)}\n`);
  } catch {}
}

async function printCatalogue(): Promise<void> {
  const [{ toJson }, { ProcessorTypeSchema }, { describeProcessors }] = await Promise.all([
    import('@bufbuild/protobuf'),
    import('../proto/gen/wiz/v1/executors_pb.js'),
    import('./processors/catalogue.ts'),
  ]);
  const processors = await describeProcessors();
  console.log(JSON.stringify(processors.map((processor) => toJson(ProcessorTypeSchema, processor))));
}

/** Saves some 15 ms of each start. Not Node's default under the shared temp folder, where somebody else could leave
 *  code for us to run. */
function cacheCompiledCode(): void {
  const { NODE_COMPILE_CACHE, XDG_CACHE_HOME } = process.env;
  enableCompileCache(
    NODE_COMPILE_CACHE || join(XDG_CACHE_HOME || join(homedir(), '.cache'), 'wiz', 'compiled'),
  );
}

if (import.meta.main) {
  cacheCompiledCode();
  main(process.argv.slice(2)).catch((error) => {
    if (!(error instanceof WizError)) throw error;
    console.error(error.message);
    process.exit(error.code === 'invalid_argument' ? 2 : 3);
  });
}
