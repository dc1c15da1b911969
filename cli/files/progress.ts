/** How far a download is, on a terminal, once it has taken a second. */
import { bytes } from '../render/words.ts';

const FIRST_MS = 1000;
const STEP_MS = 200;

/** Call with the bytes that came; dispose when it has ended. */
export function downloadProgress(
  name: string,
  total: number,
  stream: NodeJS.WriteStream = process.stderr,
): { add(bytes: number): void } & Disposable {
  if (!stream.isTTY) return { add() {}, [Symbol.dispose]() {} };
  const startedMs = performance.now();
  let done = 0;
  let nextMs = startedMs + FIRST_MS;
  let shown = false;
  return {
    add(more) {
      done += more;
      const nowMs = performance.now();
      if (nowMs < nextMs) return;
      nextMs = nowMs + STEP_MS;
      const share = total > 0 ? `  ${Math.floor((100 * done) / total)}%` : '';
      const rate = bytes(Math.round((1000 * done) / (nowMs - startedMs)));
      stream.write(`\r${name}  ${bytes(done)} of ${bytes(total)}${share}  ${rate}/s\u001b[K`);
      shown = true;
    },
    [Symbol.dispose]() {
      if (shown) stream.write('\r\u001b[K');
    },
  };
}
