/** kill -9 of a daemon at every commit point of a run, before the commit gets to PostgreSQL. */
import { test } from 'node:test';
import { postgresForTests } from '../postgres.ts';
import { breakAtEachPoint } from './commit-points.fixture.ts';

const postgres = postgresForTests();

test('killed before a commit: the next daemon ends the run, and counts nothing twice', async (t) => {
  await breakAtEachPoint(t, await postgres(), { when: 'before', kills: true });
});
