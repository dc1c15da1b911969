import { readFileSync, writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { serveFakeExecutor } from '../dispatch/fake-executor.ts';

/** For tests: a program that takes an executor's flags and does no work. FAKE says how it misbehaves. */
const names = [
  'listen',
  'token-file',
  'id',
  'home',
  'slots',
  'ready-fd',
  'warm',
  'orphan',
  'files',
  'staging',
];
const { values } = parseArgs({
  options: {
    describe: { type: 'boolean' },
    ...Object.fromEntries(names.map((name) => [name, { type: 'string' as const }])),
  },
});
const flag = (name: string) => String(values[name as keyof typeof values]);
const processors = [{ name: 'fake', description: 'Does nothing.' }];
const misbehaviour = process.env.FAKE ?? '';

if (values.describe) {
  console.log(JSON.stringify(processors));
} else if (misbehaviour === 'crash') {
  for (let line = 1; line <= 500; line += 1) console.error(`line ${line} of the log`);
  process.exitCode = 7;
} else if (misbehaviour === 'hang') {
  setInterval(() => {}, 60_000);
} else {
  const executorId = flag('id');
  const executor = await serveFakeExecutor({
    address: flag('listen'),
    token: readFileSync(flag('token-file'), 'utf8'),
    executorId,
    describe: { executorId, slots: 4, processors },
    onStop(force) {
      if (misbehaviour === 'busy' && !force) return 1;
      setTimeout(() => process.exit(), 20);
      return 0;
    },
  });
  writeSync(Number(flag('ready-fd')), `${JSON.stringify({ executorId, address: executor.address })}\n`);
}
