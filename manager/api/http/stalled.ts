import { type HttpResponse, isGone } from './messages.ts';

/** Resolves when a response takes more, or never will. */
export function drained(response: HttpResponse): Promise<void> {
  // What has closed already says so no more.
  if (isGone(response)) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
