/** A store that does not get a commit, or acknowledges nothing though it committed: the daemon goes on by itself. */
import { test } from 'node:test';
import { postgresForTests } from '../postgres.ts';
import { breakAtEachPoint } from './commit-points.fixture.ts';

const postgres = postgresForTests();

for (const [what, env] of [
  ['one statement each', {}],
  ['transactions', { WIZ_MAX_RUNNING: '1' }],
] as const) {
  test(`answers to commits are lost (${what}): each is done once`, async (t) => {
    await breakAtEachPoint(t, await postgres(), { when: 'after', kills: false, env });
  });

  test(`commits are lost on their way (${what}): each is done once`, async (t) => {
    await breakAtEachPoint(t, await postgres(), { when: 'before', kills: false, env });
  });
}
