/** The API of a daemon, over the network. Loaded only for contexts that are one. */
import type { Interceptor } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { WIZ_VERSION } from '../../proto/version.ts';
import { type Api, apiOver } from '../api.ts';
import type { Place } from '../contexts/choose.ts';
import { note } from '../output.ts';
import type { CommandTrace } from '../trace.ts';
import { connectionTo } from './connection.ts';
import { type Authorization, authorizationOf } from './credentials.ts';
import { resilient } from './resilient.ts';
import { VERSION_HEADER } from './trouble.ts';

export interface RemoteOptions {
  /** Nothing is tried twice. */
  impatient: boolean;
  /** Nothing is said on standard error but errors. */
  quiet: boolean;
  trace: CommandTrace | undefined;
}

export function openRemote(place: Place & { kind: 'remote' }, options: RemoteOptions): Api {
  let tell = (text: string) => {
    if (!options.quiet) note(`wiz: ${text}`);
  };
  const sessionManager = connectionTo(place.url, place.ca);
  const transport = createConnectTransport({
    httpVersion: '2',
    baseUrl: place.url,
    sessionManager,
    interceptors: [
      resilient({ url: place.url, tell: (text) => tell(text), impatient: options.impatient }),
      versionTold(place.url, (text) => tell(text)),
      authorized(authorizationOf(place)),
    ],
  });
  return apiOver(transport, options.trace, {
    place,
    keeper: 'the daemon',
    onTrouble(told) {
      tell = told;
    },
    // What it runs is the daemon's: nothing is waited for.
    close: async () => sessionManager.abort(),
  });
}

function authorized(authorization: Authorization): Interceptor {
  return (next) => async (request) => {
    const header = await authorization.header();
    if (header !== undefined) request.header.set('authorization', header);
    return next(request);
  };
}

/** Says once when the daemon is of another version, whose commands may lack something. */
function versionTold(url: string, tell: (text: string) => void): Interceptor {
  let told = false;
  return (next) => async (request) => {
    const response = await next(request);
    const version = response.header.get(VERSION_HEADER);
    if (!told && version !== null && minor(version) !== minor(WIZ_VERSION)) {
      tell(
        `${url} has version ${version}, this command line ${WIZ_VERSION}: something may be missing on one side.`,
      );
    }
    told = true;
    return response;
  };
}

/** Of 1.4.2 what comes before the last point: patches do not change the API. */
function minor(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}
