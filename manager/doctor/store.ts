/** Looks at a store that change nothing in it: is it there, has it our tables, is its clock ours. */
import { existsSync } from 'node:fs';
import { WizError } from '../../proto/error.ts';
import { type Finding, fail, ok, reasonOf, warn } from '../../proto/finding.ts';
import { withoutPassword } from '../config/masked.ts';
import { filePath, storeKind } from '../store/address.ts';

/** Milliseconds that the clock of a database may be off: leases are decided by it, but what people read is not. */
const CLOCK_MS = 2000;
/** Milliseconds of a round trip from which commits are slow: each step of a run waits for one. */
const SLOW_MS = 20;
/** PostgreSQL that is still maintained, and has what we use. */
const LEAST_POSTGRES = 14;

export async function storeFindings(address: string): Promise<Finding[]> {
  const place = withoutPassword(address);
  try {
    return storeKind(address) === 'sqlite'
      ? [await sqlite(filePath(address))]
      : await postgres(address, place);
  } catch (error) {
    const message = error instanceof WizError ? error.message : `${place}: ${reasonOf(error)}`;
    return [fail('store', message, 'Is the address of "store" right, and the database up?')];
  }
}

async function sqlite(path: string): Promise<Finding> {
  if (!existsSync(path)) return ok('store', `${path} (is made at the first start)`);
  const [{ schemaAt }, { MIGRATIONS }] = await Promise.all([
    import('../store/sqlite/migrate.ts'),
    import('../store/migrations/embedded.ts'),
  ]);
  return migrated(path, schemaAt(path), MIGRATIONS.length);
}

async function postgres(address: string, place: string): Promise<Finding[]> {
  const [{ default: connect }, { MIGRATIONS }, { look }] = await Promise.all([
    import('postgres'),
    import('../store/migrations-postgres/embedded.ts'),
    import('../store/postgres/migrate.ts'),
  ]);
  const sql = connect(address, { max: 1, connect_timeout: 10, fetch_types: false, onnotice: () => {} });
  try {
    const { version } = await look(async (text) => Array.from(await sql.unsafe(text)), place, Date.now());
    const [server] = await sql.unsafe("SELECT current_setting('server_version') AS version");
    const startedMs = Date.now();
    const [clock] = await sql.unsafe('SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now');
    const endedMs = Date.now();
    return [
      migrated(place, version, MIGRATIONS.length),
      postgresVersion(String(server!.version)),
      roundTrip(endedMs - startedMs),
      clockSkew(Number(clock!.now) - (startedMs + endedMs) / 2),
    ];
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Those of a newer wiz, or of another program, were refused before. */
function migrated(place: string, version: number, known: number): Finding {
  const name = 'store';
  if (version === known) return ok(name, `${place}, schema ${version}`);
  if (version === 0) return ok(name, `${place}, empty (tables are made at the first start)`);
  const advice =
    'The first manager of this version that starts brings it up. Older managers then have to be replaced.';
  return warn(name, `${place} has schema ${version}, this wiz ${known}`, advice);
}

function postgresVersion(version: string): Finding {
  const name = 'PostgreSQL';
  if (Number.parseInt(version, 10) >= LEAST_POSTGRES) return ok(name, version);
  return fail(name, version, `Use PostgreSQL ${LEAST_POSTGRES} or later.`);
}

function roundTrip(ms: number): Finding {
  const name = 'store speed';
  if (ms < SLOW_MS) return ok(name, `${ms} ms there and back`);
  return warn(
    name,
    `${ms} ms there and back: every step of a run waits for it`,
    'Put managers near the database.',
  );
}

function clockSkew(ms: number): Finding {
  const name = 'store clock';
  const off = Math.round(Math.abs(ms));
  if (off < CLOCK_MS) return ok(name, `${off} ms off`);
  const which = ms > 0 ? 'ahead of' : 'behind';
  return warn(
    name,
    `${(off / 1000).toFixed(1)} s ${which} this machine's`,
    'Set both, for example with timedatectl set-ntp true.',
  );
}
