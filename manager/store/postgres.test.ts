import { postgresForTests } from '../../test/postgres.ts';
import { openPostgresStore } from './postgres.ts';
import { describeStore } from './store.conformance.ts';

const server = postgresForTests();

describeStore('PostgreSQL', async () => {
  const address = await (await server()).newDatabase();
  const [store, other] = await Promise.all([openPostgresStore(address), openPostgresStore(address)]);
  return { store, other, remove: () => {} };
});
