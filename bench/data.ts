/**
 * How fast data goes through wiz: `npm run bench:data [-- --json] [--gb 4]`. Each part is in a file of its own and
 * tells what it measures; its rounds are fresh processes.
 */
import { DATA_ROUNDS, type DataPart } from './data-part.ts';
import { fanOut } from './fan-out.ts';
import { fileStore } from './file-store.ts';
import { printResults } from './rounds.ts';
import { stream } from './stream.ts';

const parts: DataPart[] = [fileStore, stream, fanOut];
const results: Record<string, number> = { peak_mb: 0 };
for (const { measure } of parts) {
  const { peak_mb, ...numbers } = measure();
  Object.assign(results, numbers, { peak_mb: Math.max(results.peak_mb!, peak_mb) });
}
printResults(
  results,
  Object.assign({ peak_mb: 'MB, most of any process of a round' }, ...parts.map(({ meanings }) => meanings)),
  DATA_ROUNDS,
);
