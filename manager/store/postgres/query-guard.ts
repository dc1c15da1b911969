import { quoted } from '../record-columns.ts';
import type { Query } from './connection.ts';
import { numbers } from './literals.ts';

/**
 * Whether a query reads records and nothing else. PostgreSQL itself parses it, as a temporary view whose definition is
 * looked at before anything of it is carried out: the tree of a view names each relation and each function by its
 * number. Relations have to be the views of records, functions those of PostgreSQL that compute and nothing more.
 *
 * That does not depend on the rights of the user, who may be the owner of everything, and needs no role that somebody
 * has to create. A view takes one SELECT; what writes is refused by PostgreSQL already.
 */

/** The first number of an object that is not PostgreSQL's own (FirstNormalObjectId). */
const FIRST_OF_OTHERS = 16_384;

/** Volatile functions that read nothing: by the clock and by chance. */
const ALSO_SAFE = [
  'random',
  'random_normal',
  'gen_random_uuid',
  'uuidv4',
  'uuidv7',
  'clock_timestamp',
  'timeofday',
];
/** Functions that are not volatile and yet read tables, settings or the server: export to XML runs queries by name;
 *  what begins with pg_ tells about the server, and what begins with has_ about rights. */
const NOT_SAFE = `^(pg_(?!typeof$|column_size$|input_is_valid$).*|has_.*|.*_to_xml.*|current_setting|inet_(client|server)_.*|to_reg.*|col_description|obj_description|shobj_description|row_security_active|txid_.*|ts_stat|ts_rewrite|dblink.*|lo_.*|.*_(in|recv)$)`;

const UNSAFE_FUNCTIONS = `SELECT p.proname::text AS name FROM pg_catalog.pg_proc AS p
  WHERE p.oid = ANY ($1::oid[]) AND NOT (
    p.oid < ${FIRST_OF_OTHERS} AND p.pronamespace = 'pg_catalog'::regnamespace
    AND (p.provolatile <> 'v' OR p.proname = ANY ('{${ALSO_SAFE.join(',')}}'::name[]))
    AND p.proname !~ '${NOT_SAFE}')`;
const OPERATOR_FUNCTIONS =
  'SELECT oprcode::oid AS code FROM pg_catalog.pg_operator WHERE oid = ANY ($1::oid[])';

/** Numbers in the tree: of relations, of functions, and of operators, which are functions too. */
const RELATIONS = /:relid (\d+)/g;
const FUNCTIONS = /:(?:funcid|aggfnoid|winfnoid|tsmhandler) (\d+)/g;
const OPERATORS = /:(?:opno) (\d+)|:opnos \(o ([\d ]+)\)/g;

const GUARD = 'the query that is looked at';

export type Verdict = { safe: true } | { safe: false; table: string } | { safe: false; function: string };

/** Inside a transaction that is rolled back. Throws what PostgreSQL says of the query. */
export async function judge(
  query: Query,
  sql: string,
  columns: number,
  views: ReadonlySet<string>,
): Promise<Verdict> {
  // Names of its own, since those of a result may be there twice.
  const names = Array.from({ length: columns }, (_, i) => `c${i}`).join(', ');
  await query(`CREATE TEMP VIEW ${quoted(GUARD)} (${names}) AS ${sql}`);
  const [rule] = await query(
    `SELECT ev_action::text AS tree FROM pg_catalog.pg_rewrite
     WHERE ev_class = ${`'pg_temp.${quoted(GUARD)}'`}::regclass`,
  );
  const tree = rule!.tree as string;
  const relations = numbersIn(tree, RELATIONS).filter((oid) => oid !== 0);
  const named = await query(
    `SELECT c.relname::text AS name, c.relnamespace = pg_my_temp_schema() AS own
     FROM pg_catalog.pg_class AS c WHERE c.oid = ANY ($1::oid[])`,
    [numbers(relations)],
  );
  for (const { name, own } of named) {
    if (!own || !views.has(name as string)) return { safe: false, table: name as string };
  }
  const operators = await query(OPERATOR_FUNCTIONS, [numbers(numbersIn(tree, OPERATORS))]);
  const functions = [...numbersIn(tree, FUNCTIONS), ...operators.map((row) => row.code as number)];
  const [unsafe] = await query(UNSAFE_FUNCTIONS, [numbers(functions)]);
  return unsafe === undefined ? { safe: true } : { safe: false, function: unsafe.name as string };
}

function numbersIn(tree: string, pattern: RegExp): number[] {
  const found = [...tree.matchAll(pattern)].flatMap((match) => match.slice(1).join(' ').trim().split(' '));
  return [...new Set(found.map(Number))];
}
