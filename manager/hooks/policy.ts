import { WizError } from '../../proto/error.ts';
import type { HookSpec } from '../spec/hook-spec.ts';
import type { PipelineSpec, SecretSpec } from '../spec/spec.ts';

/**
 * What hooks of pipelines may do. Whoever may apply a pipeline decides where a manager sends requests and what it runs,
 * which on a shared manager is more than a run may do; hooks of its own configuration are not asked.
 */
export interface HookPolicy {
  /** Commands and scripts on the machine of the manager. */
  commands: boolean;
  /** Hosts that webhooks may go to, `*.example.org` for those below one; undefined is any. */
  hosts: string[] | undefined;
  /** Whether webhooks may go to private addresses and to this machine. */
  privateAddresses: boolean;
  /** Variables and files of the manager that secrets may be, a `*` at the end for all that begin so; undefined is any. */
  secrets: string[] | undefined;
}

/** Of a manager that is bundled with the command line: who uses it may do all of it anyway. */
export const OPEN_POLICY: HookPolicy = {
  commands: true,
  hosts: undefined,
  privateAddresses: true,
  secrets: undefined,
};

/** Why a try will never be allowed. */
export class NotAllowed extends Error {}

/** Tells when a pipeline is applied or run what would be refused when it is told. Throws WizError permission_denied. */
export function checkAllowed(spec: PipelineSpec, policy: HookPolicy): void {
  for (const [index, { action }] of spec.hooks.entries()) {
    const problem = problemOf(action, spec.secrets, policy);
    if (problem === undefined) continue;
    throw new WizError('permission_denied', `hooks[${index}] of pipeline "${spec.name}" ${problem}`);
  }
}

function problemOf(
  action: HookSpec['action'],
  secrets: Record<string, SecretSpec>,
  policy: HookPolicy,
): string | undefined {
  if (action.kind !== 'webhook') {
    if (policy.commands) return undefined;
    return 'runs a command on the machine of this manager, which does not allow it (hooks.allow.commands).';
  }
  const source = action.secret === null ? undefined : secrets[action.secret];
  if (source !== undefined && !allowsSecret(source, policy)) {
    return `signs with a secret that this manager does not give to pipelines (hooks.allow.secrets).`;
  }
  const host = action.url.includes('${{') ? undefined : hostOf(new URL(action.url));
  if (host !== undefined && !allowsHost(host, policy)) {
    return `goes to ${host}, which this manager does not allow (hooks.allow.hosts).`;
  }
  return undefined;
}

export function allowsSecret(source: SecretSpec, { secrets }: HookPolicy): boolean {
  if (secrets === undefined) return true;
  const name = 'env' in source ? source.env : 'file' in source ? source.file : '';
  return secrets.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) && !name.includes('..') : name === pattern,
  );
}

/** As policies name it: an IPv6 address has no brackets. */
export function hostOf(url: URL): string {
  return bare(url.hostname);
}

export function allowsHost(host: string, policy: HookPolicy): boolean {
  if (policy.hosts === undefined || namesHost(host, policy)) return true;
  return policy.hosts.some((it) => it.startsWith('*.') && host.endsWith(bare(it.slice(1))));
}

/** Whether the very host is in the policy, and not only one above it. */
export function namesHost(host: string, { hosts = [] }: HookPolicy): boolean {
  return hosts.some((it) => bare(it) === host);
}

function bare(host: string): string {
  return host.toLowerCase().replaceAll(/^\[|\]$/g, '');
}
