/** kill -9 of a daemon at every commit point of a run, when PostgreSQL has committed and the daemon does not know it. */
import { test } from 'node:test';
import { postgresForTests } from '../postgres.ts';
import { breakAtEachPoint } from './commit-points.fixture.ts';

const postgres = postgresForTests();

test('killed after a commit that was not acknowledged: the next daemon ends the run, and counts nothing twice', async (t) => {
  // With permits each commit is a transaction of several statements.
  await breakAtEachPoint(t, await postgres(), { when: 'after', kills: true, env: { WIZ_MAX_RUNNING: '1' } });
});
