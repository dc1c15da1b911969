import { durationOption, parseDurationMs } from './duration.ts';
import { defineProcessor } from './processor.ts';

/** Progress is told this often at most. */
const STEP_MS = 1000;

export default defineProcessor({
  name: 'sleep',
  description: 'Waits for a while, and takes no slot while it does.',
  options: (z) =>
    z.strictObject({ duration: durationOption(z).describe('How long, for example 500ms or 1h30m.') }),
  example: `name: sleep-example
description: The second processor starts half a second after the first has ended.
processors:
  first:
    run: date +%s.%N
  pause:
    needs: [first]
    uses: sleep
    with: { duration: 500ms }
  second:
    needs: [pause]
    run: date +%s.%N
`,
  run({ duration }, { signal, progress }) {
    const ms = parseDurationMs(duration);
    const started = performance.now();
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout;
      const step = () => {
        const left = started + ms - performance.now();
        if (left <= 0) {
          signal.removeEventListener('abort', stop);
          return resolve({});
        }
        if (left < ms) progress(1 - left / ms, `${Math.ceil(left / 1000)} s left`);
        timer = setTimeout(step, Math.min(left, STEP_MS));
      };
      const stop = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      signal.addEventListener('abort', stop, { once: true });
      step();
    });
  },
});
