import { secretMark } from '../../proto/marks.ts';
import type { Evaluator, Scope } from '../expressions/expressions.ts';
import { hasExpressions } from '../spec/scan-macros.ts';
import type { JsonObject, JsonValue } from '../spec/spec.ts';
import type { ClaimedDelivery } from '../store/deliveries.ts';
import type { HookBody } from './body.ts';
import type { Commands } from './commands.ts';
import { type HookPolicy, NotAllowed } from './policy.ts';
import { secretsOf, type TrySecrets } from './secrets.ts';
import { signedHeaders } from './signature.ts';
import type { HookTarget } from './target.ts';
import type { TryResult } from './try.ts';
import { postWebhook } from './webhook.ts';

/** What tries have to hand. */
export interface TryGround {
  /** Of hooks of pipelines. */
  policy: HookPolicy;
  /** Of the manager: where secrets are, and what commands inherit. */
  environment: NodeJS.ProcessEnv;
  commands: Commands;
  now(): number;
}

/** A delivery, with its target and body as they were before they became JSON. */
export interface OpenDelivery {
  delivery: ClaimedDelivery;
  target: HookTarget;
  body: HookBody;
}

/** Tries a delivery once. Throws NotAllowed or ExpressionFailure for what no further try would change. */
export async function tryDelivery(
  open: OpenDelivery,
  ground: TryGround,
  signal: AbortSignal,
): Promise<TryResult> {
  const { delivery, target } = open;
  const { action, secrets: sources, folder, ofPipeline } = target;
  const policy = ofPipeline ? ground.policy : undefined;
  const secrets = secretsOf(sources, ground.environment, policy);
  const texts = textsOf(open.body, Object.keys(sources), secrets);
  let result: TryResult;
  if (action.kind === 'webhook') {
    const { deliveryId, body, timeoutMs } = delivery;
    const secret = action.secret === null ? undefined : await secrets.value(action.secret);
    result = await postWebhook({
      url: await texts.text(action.url),
      headers: Object.fromEntries(
        await Promise.all(
          Object.entries(action.headers).map(async ([name, text]) => [name, await texts.text(text)]),
        ),
      ),
      signed: signedHeaders(deliveryId, ground.now(), body, secret),
      body,
      timeoutMs,
      policy,
      signal,
    });
  } else {
    if (policy?.commands === false) {
      throw new NotAllowed('This manager runs no commands of pipelines (hooks.allow.commands).');
    }
    const argv =
      action.kind === 'command'
        ? await Promise.all(action.argv.map(texts.text))
        : scriptArgv(action.shell, await texts.script(action.text, action.shell));
    result = await runCommand(open, argv, folder, ground, signal);
  }
  return { ...result, error: secrets.redact(result.error), output: secrets.redact(result.output) };
}

/** Expressions of the hook, with the values of secrets in place. */
function textsOf(body: HookBody, secretNames: string[], secrets: TrySecrets) {
  const scope = scopeOf(body, secretNames);
  const evaluator = (): Promise<Evaluator> => import('../expressions/evaluate.ts');
  return {
    text: async (text: string): Promise<string> => {
      if (!hasExpressions(text)) return text;
      const value = (await evaluator()).evaluateText(text, scope);
      return secrets.fill(typeof value === 'string' ? value : plainText(value));
    },
    script: async (text: string, shell: 'bash' | 'sh' | 'python' | 'node'): Promise<string> =>
      hasExpressions(text) ? secrets.fill((await evaluator()).evaluateScript(text, shell, scope)) : text,
  };
}

function plainText(value: JsonValue): string {
  return value === null ? '' : JSON.stringify(value);
}

function scopeOf({ id, type, timestamp, data }: HookBody, secretNames: string[]): Scope {
  const run = data.run as Scope['run'];
  const about: JsonObject = data.processor ?? run;
  const { state = '', reason = '', message = '' } = about;
  return {
    params: (run.params ?? {}) as JsonObject,
    context: {},
    outputs: {},
    files: {},
    state: {},
    run,
    secrets: Object.fromEntries(secretNames.map((name) => [name, secretMark(name)])),
    event: {
      id,
      name: type,
      time: timestamp,
      processor: data.processor?.name ?? '',
      attempt: data.processor?.attempt ?? 0,
      state,
      reason,
      message,
    },
  };
}

function scriptArgv(shell: 'bash' | 'sh' | 'python' | 'node', text: string): string[] {
  switch (shell) {
    case 'bash':
      return ['bash', '-eo', 'pipefail', '-c', '--', text];
    case 'sh':
      return ['/bin/sh', '-e', '-c', '--', text];
    case 'python':
      return ['python3', '-u', '-c', text];
    case 'node':
      return [process.execPath, `--eval=${text}`];
  }
}

async function runCommand(
  open: OpenDelivery,
  argv: string[],
  folder: string,
  { commands, environment }: TryGround,
  signal: AbortSignal,
): Promise<TryResult> {
  const { delivery } = open;
  const request = {
    argv,
    folder,
    environment: variablesOf(open, environment),
    input: delivery.body,
    timeoutMs: delivery.timeoutMs,
  };
  const { code, signal: ended, problem, timedOut, output } = await commands.run(request, signal);
  const error = timedOut
    ? `It took longer than ${delivery.timeoutMs} ms and was ended.`
    : problem !== ''
      ? `It could not be started: ${problem}.`
      : ended !== null
        ? `It was ended by ${ended}.`
        : code === 0
          ? ''
          : `It ended with exit code ${code}.`;
  return { status: code ?? 0, error, output, retryAfterMs: 0, gone: false };
}

/** What a command has beside the environment of the manager. */
function variablesOf({ delivery, body }: OpenDelivery, inherited: NodeJS.ProcessEnv) {
  const { state, reason, message } = body.data.processor ?? body.data.run;
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(inherited)) if (value !== undefined) variables[name] = value;
  // It is no program of a run: nothing that looks for those is to find it.
  delete variables.WIZ_EXECUTOR_ID;
  delete variables.WIZ_ATTEMPT;
  return {
    ...variables,
    WIZ_DELIVERY_ID: delivery.deliveryId,
    WIZ_EVENT: delivery.event,
    WIZ_RUN_ID: delivery.runId,
    WIZ_PIPELINE: delivery.pipeline,
    WIZ_PROCESSOR: delivery.processor,
    WIZ_STATE: String(state),
    WIZ_REASON: String(reason),
    WIZ_MESSAGE: String(message),
  };
}
