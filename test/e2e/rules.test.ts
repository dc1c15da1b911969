/** `when` and `rule`: what starts after processors that failed, were skipped, or succeeded with a warning. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type EventLine, eventsOf, startedIn, statesOf, word } from './journal.ts';
import { newPlace } from './place.ts';

const place = newPlace();
after(() => place.leave());

/** State and reason with which each processor ended, by the events. */
function endsOf(events: EventLine[]): Record<string, string> {
  const ends: Record<string, string> = {};
  for (const { attemptEnded, processorEnded } of events) {
    if (attemptEnded) ends[attemptEnded.report.processor] = word('PROCESSOR', attemptEnded.state);
    if (!processorEnded) continue;
    const { processor, state, reason } = processorEnded;
    ends[processor] = reason ? `${word('PROCESSOR', state)} ${reason}` : word('PROCESSOR', state);
  }
  return ends;
}

test('each rule after each kind of end', async () => {
  const rules = ['all-succeeded', 'any-succeeded', 'all-done', 'none-failed'];
  const pairs = [
    ['good'],
    ['bad'],
    ['warned'],
    ['skipped'],
    ['held'],
    ['good', 'bad'],
    ['good', 'skipped'],
    ['bad', 'skipped'],
    ['good', 'warned'],
  ];
  const name = (rule: string, needs: string[]) => `${rule}.${needs.join('.')}`;
  const cases = rules.flatMap((rule) => pairs.map((needs) => ({ rule, needs })));
  place.write(
    'rules.yaml',
    `name: rules
processors:
  good: { run: echo good }
  bad: { run: exit 3 }
  warned: { run: exit 3, onFailure: warn }
  skipped: { when: "\${{ 1 > 2 }}", run: echo skipped }
  held: { needs: bad, run: echo held }
${cases
  .map(
    ({ rule, needs }) =>
      `  ${name(rule, needs)}: { needs: [${needs}], rule: ${rule}, uses: noop, with: { output: [${needs.map((need) => `"\${{ outputs.${need} }}"`)}] } }`,
  )
  .join('\n')}
`,
  );
  const { code, stdout } = await place.run(['run', 'rules.yaml', '--json']);
  assert.equal(code, 1);
  const events = eventsOf(stdout);
  const ends = endsOf(events);
  assert.deepEqual(
    [ends.good, ends.bad, ends.warned, ends.skipped, ends.held],
    ['Succeeded', 'Failed', 'Failed', 'Idle skipped', 'Idle upstream-failed'],
  );
  const [yes, failed, skip] = ['Succeeded', 'Idle upstream-failed', 'Idle skipped'];
  const expected: Record<string, string[]> = {
    //                 good bad     warned skipped held   good+bad good+skipped bad+skipped good+warned
    'all-succeeded': [yes!, failed!, yes!, skip!, failed!, failed!, skip!, failed!, yes!],
    'any-succeeded': [yes!, failed!, yes!, skip!, failed!, yes!, yes!, failed!, yes!],
    'all-done': [yes!, yes!, yes!, yes!, yes!, yes!, yes!, yes!, yes!],
    'none-failed': [yes!, failed!, yes!, yes!, failed!, failed!, yes!, failed!, yes!],
  };
  for (const rule of rules) {
    assert.deepEqual([rule, ...pairs.map((needs) => ends[name(rule, needs)])], [rule, ...expected[rule]!]);
  }
  const started = new Set(startedIn(events));
  for (const [one, end] of Object.entries(ends)) assert.equal(started.has(one), !end.startsWith('Idle'), one);
  assert.deepEqual(statesOf(events).get('skipped'), ['Idle', 'Idle']);
  // What failed or was skipped is null to those that start all the same.
  const { processors } = await place.json(['runs', 'get', 'latest']);
  const output = (one: string) =>
    JSON.parse(processors.find((shown: { name: string }) => shown.name === one).output.json);
  assert.deepEqual(output('all-done.bad.skipped'), [null, null]);
  assert.deepEqual(output('any-succeeded.good.skipped'), [{ text: 'good\n', lines: ['good'] }, null]);
  const message = (one: string) =>
    events.find(({ processorEnded }) => processorEnded?.processor === one)!.processorEnded.message;
  assert.equal(message('skipped'), 'when ${{ 1 > 2 }} is false');
  assert.equal(message('all-succeeded.skipped'), 'skipped was skipped');
  assert.equal(message('all-succeeded.held'), 'bad failed');
});

test('when sees params, outputs and how a branch went; a run of which only that is left has succeeded', async () => {
  place.write(
    'deploy.yaml',
    `name: deploy
params: { deploy: false }
processors:
  build: { run: "echo '{\\"changed\\": 3}'", data: json }
  deploy: { needs: build, when: "\${{ params.deploy && outputs.build.changed > 2 }}", run: echo deployed }
  verify: { needs: deploy, run: echo verified }
  each: { needs: build, when: "\${{ outputs.build.changed > 3 }}", each: "\${{ range(outputs.build.changed) }}", run: echo }
  tell: { needs: [build, verify, each], rule: none-failed, run: "echo \${{ outputs.verify == null ? 'built' : outputs.verify.text }}" }
  literal: { when: false, run: echo never }
`,
  );
  const quiet = await place.run(['run', 'deploy.yaml', '--json']);
  assert.equal(quiet.code, 0);
  assert.deepEqual(startedIn(eventsOf(quiet.stdout)), ['build', 'tell']);
  assert.deepEqual(endsOf(eventsOf(quiet.stdout)), {
    build: 'Succeeded',
    deploy: 'Idle skipped',
    verify: 'Idle skipped',
    each: 'Idle skipped',
    tell: 'Succeeded',
    literal: 'Idle skipped',
  });
  const loud = await place.run(['run', 'deploy.yaml', '-p', 'deploy=true', '--json']);
  assert.deepEqual(startedIn(eventsOf(loud.stdout)), ['build', 'deploy', 'verify', 'tell']);
  assert.equal(await place.out(['runs', 'logs', 'latest', 'tell']), 'verified\n\n');
});

test('a retry after failures: what was skipped is decided again where what it needs has run again', async () => {
  place.write(
    'again.yaml',
    `name: again
processors:
  flaky: { run: "test -e mended; echo '{\\"go\\": true}'", data: json }
  gated: { needs: flaky, rule: all-done, when: "\${{ outputs.flaky != null }}", run: echo gated }
  behind: { needs: gated, run: echo behind }
  apart: { when: "\${{ false }}", run: echo apart }
`,
  );
  const first = await place.run(['run', 'again.yaml', '--json']);
  assert.equal(first.code, 1);
  assert.deepEqual(endsOf(eventsOf(first.stdout)), {
    flaky: 'Failed',
    gated: 'Idle skipped',
    behind: 'Idle skipped',
    apart: 'Idle skipped',
  });
  place.write('mended', '');
  const second = await place.run(['runs', 'retry', 'latest', '--json']);
  assert.equal(second.code, 0);
  assert.deepEqual(startedIn(eventsOf(second.stdout)), ['flaky', 'gated', 'behind']);
});
