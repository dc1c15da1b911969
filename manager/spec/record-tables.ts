export const TABLE_NAME = /^[a-z][a-z0-9_]{0,62}$/;

/** Words that SQLite or PostgreSQL does not take as the name of a table without quotes: `select * from order`. */
const SQL_WORDS = new Set(
  `add all alter analyse analyze and any array as asc asymmetric authorization autoincrement between binary both
  case cast check collate collation column commit concurrently constraint create cross current_catalog current_date
  current_role current_schema current_time current_timestamp current_user default deferrable delete desc distinct
  do drop else end escape except exists false fetch for foreign freeze from full grant group having ilike in index
  initially inner insert intersect into is isnull join lateral leading left like limit localtime localtimestamp
  natural not nothing notnull null offset on only or order outer overlaps placing primary raise references
  returning right select session_user set similar some symmetric system_user table tablesample then to trailing
  transaction true union unique update user using values variadic verbose when where window with`.split(
    /\s+/,
  ),
);

/** Why a text cannot be the name of a table of records, as the end of a sentence; undefined when it can. */
export function tableProblem(name: string): string | undefined {
  if (!TABLE_NAME.test(name))
    return 'must start with a small letter, and hold only small letters, digits and "_" (at most 63)';
  if (/^(sqlite|pg)_/.test(name))
    return 'must not start with "sqlite_" or "pg_", which databases keep for themselves';
  if (SQL_WORDS.has(name)) return `must not be "${name}", which is a word of SQL`;
  return undefined;
}
