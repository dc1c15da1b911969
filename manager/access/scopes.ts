import { WizError } from '../../proto/error.ts';
import { didYouMean, nearest } from '../spec/nearest.ts';
import { methodNames } from './methods.ts';

/** Methods that a credential is good for: `RunService/StartRun`, or `RunService/*`. None at all is no restriction. */

/** What any credential may ask, whatever its scopes: whom it is taken to be. */
const ALWAYS = 'AccessService/GetIdentity';

export function allows(scopes: readonly string[], method: string): boolean {
  if (scopes.length === 0 || method === ALWAYS) return true;
  return scopes.includes(method) || scopes.includes(everyOf(method));
}

/** Whether what `inner` allows is allowed by `outer` too. */
export function covers(outer: readonly string[], inner: readonly string[]): boolean {
  if (outer.length === 0) return true;
  return inner.length > 0 && inner.every((scope) => outer.includes(scope) || outer.includes(everyOf(scope)));
}

function everyOf(method: string): string {
  return `${method.slice(0, method.indexOf('/'))}/*`;
}

/** Each once. Throws WizError invalid_argument for what is no method of the API. */
export function checkScopes(scopes: readonly string[]): string[] {
  const methods = methodNames();
  const names = [...new Set(methods.map(everyOf)), ...methods];
  for (const scope of scopes) {
    if (names.includes(scope)) continue;
    const near = didYouMean(nearest(scope, names));
    const rule = 'A scope is a method such as RunService/StartRun, or a whole service: RunService/*.';
    throw new WizError('invalid_argument', `There is no scope "${scope.slice(0, 100)}". ${near || rule}`);
  }
  return [...new Set(scopes)];
}
