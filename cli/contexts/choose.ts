/**
 * Which manager a command talks to: flag, else environment, else the chosen context, else the bundled one.
 *
 * `--context NAME` and `--manager URL` are flags of every command; WIZ_MANAGER is a URL or a name. A URL that a context has
 * brings the credential and the authority of that context. WIZ_TOKEN goes before a credential that was stored, but not
 * before that of a context which a flag names: a token meant for one daemon is not sent to another.
 */
import { nearest } from '../nearest.ts';
import { UsageError } from '../usage.ts';
import { type Context, type Contexts, type Credential, ownContext, readContexts } from './file.ts';
import { localDaemon } from './local-daemon.ts';
import { isUrl, managerUrl, refuseClearText } from './url.ts';

/** The name that always means the manager in this process. */
export const BUNDLED = 'bundled';
/** The name of the daemon of this user on this state folder. */
export const LOCAL = 'local';

export type Place =
  | { kind: 'bundled'; from: string }
  | {
      kind: 'remote';
      /** Of the context; empty for one that only a URL names. */
      name: string;
      url: string;
      ca: string | undefined;
      credential: Credential | undefined;
      /** What chose it: a flag, a variable, or the context. */
      from: string;
    };

export interface Chosen {
  context?: string | undefined;
  manager?: string | undefined;
}

/** Throws UsageError for what names no manager. */
export function choosePlace(flags: Chosen, environment: NodeJS.ProcessEnv): Place {
  const token = environment.WIZ_TOKEN || undefined;
  if (flags.context !== undefined && flags.manager !== undefined) {
    throw new UsageError('--context and --manager both name a manager', 'Give one.');
  }
  const named = flags.context ?? flags.manager;
  const from = flags.context !== undefined ? '--context' : '--manager';
  if (named !== undefined) return placeOf(named, from, environment, isUrl(named) ? token : undefined);
  if (environment.WIZ_MANAGER) return placeOf(environment.WIZ_MANAGER, 'WIZ_MANAGER', environment, token);
  const { current } = readContexts(environment);
  if (current === undefined) return { kind: 'bundled', from: 'default' };
  return placeOf(current, 'context', environment, token);
}

function placeOf(
  word: string,
  from: string,
  environment: NodeJS.ProcessEnv,
  token: string | undefined,
): Place {
  if (word === BUNDLED) return { kind: 'bundled', from };
  const contexts = readContexts(environment);
  const found = isUrl(word)
    ? byUrl(managerUrl(word, from), contexts)
    : { name: word, context: contextNamed(word, contexts, environment) };
  const { url, ca, credential, insecure = environment.WIZ_INSECURE === '1' } = found.context;
  refuseClearText(url, insecure);
  const shown = token === undefined ? credential : { kind: 'token' as const, token };
  return { kind: 'remote', name: found.name, url, ca, credential: shown, from };
}

function byUrl(url: string, { contexts }: Contexts): { name: string; context: Context } {
  const [name, context] = Object.entries(contexts).find(([, one]) => one.url === url) ?? [];
  return name !== undefined && context !== undefined ? { name, context } : { name: '', context: { url } };
}

/** Throws UsageError when there is none. */
export function contextNamed(name: string, { contexts }: Contexts, environment: NodeJS.ProcessEnv): Context {
  const own = ownContext(contexts, name);
  if (own !== undefined) return own;
  const daemon = localDaemon(environment);
  if (name === LOCAL && daemon !== undefined) return daemon;
  if (name === LOCAL) {
    throw new UsageError('no daemon of yours runs on this state folder', '`wiz manager serve` starts one.');
  }
  const close = nearest(name, [...Object.keys(contexts), BUNDLED]);
  const hint = close
    ? `Did you mean ${close}?`
    : '`wiz context list` shows what there is; `wiz login URL` adds one.';
  throw new UsageError(`there is no context "${name}"`, hint);
}
