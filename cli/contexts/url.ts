import { isLoopback as isLoopbackHost } from '../../proto/loopback.ts';
import { UsageError } from '../usage.ts';

const DEFAULT_PORT = 7433;

export function isUrl(word: string): boolean {
  return /^https?:\/\//i.test(word);
}

/** The address of a daemon as it is kept: scheme, host and port. Throws UsageError. */
export function managerUrl(word: string, where: string): string {
  const text = isUrl(word) ? word : `https://${word}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const extra = url && (url.pathname !== '/' || url.search || url.hash || url.username || url.password);
  if (!url || extra) {
    const what = extra ? 'holds more than scheme, host and port' : 'is no URL';
    throw new UsageError(
      `${where}: "${word}" ${what}`,
      `For example https://wiz.example.com:${DEFAULT_PORT}`,
    );
  }
  return url.origin;
}

/** Whether what is sent there stays on this machine. */
export function isLoopback(url: string): boolean {
  return isLoopbackHost(new URL(url).hostname);
}

/** Throws UsageError for clear text that would leave this machine. */
export function refuseClearText(url: string, insecure: boolean): void {
  if (insecure || url.startsWith('https:') || isLoopback(url)) return;
  throw new UsageError(
    `${url} is clear text, and not on this machine: credentials and data could be read on the way`,
    'Use https://. Where something else encrypts the way: wiz login --insecure, or WIZ_INSECURE=1.',
  );
}
