import { createHash, timingSafeEqual } from 'node:crypto';
import { ServerInterceptingCall, type ServerInterceptor, ServerListenerBuilder, status } from '@grpc/grpc-js';

/** Health is for probes, which have no token; it tells nothing but SERVING. */
const OPEN_TO_ALL = '/grpc.health.v1.Health/';

/** Lets through only calls with `authorization: Bearer TOKEN`; all others end with UNAUTHENTICATED before any
 *  of their messages is read. */
export function requireToken(token: string): ServerInterceptor {
  const expected = digest(`Bearer ${token}`);
  return (method, call) => {
    if (method.path.startsWith(OPEN_TO_ALL)) return new ServerInterceptingCall(call);
    return new ServerInterceptingCall(call, {
      start(next) {
        const listener = new ServerListenerBuilder().withOnReceiveMetadata((metadata, proceed) => {
          const given = String(metadata.get('authorization')[0] ?? '');
          // Digests have one length, so that the comparison takes the same time for every guess.
          if (timingSafeEqual(digest(given), expected)) return proceed(metadata);
          const details = 'A call to an executor must carry its token: "authorization: Bearer TOKEN".';
          call.sendStatus({ code: status.UNAUTHENTICATED, details });
        });
        next(listener.build());
      },
    });
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
