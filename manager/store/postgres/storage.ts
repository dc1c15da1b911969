/**
 * How the tables of schema.ts are kept: what drizzle-kit cannot say is added to the statements of its migrations when
 * they are embedded (generate-migrations.ts).
 */

/** After CREATE TABLE. */
export const STORAGE: Record<string, string> = {
  // Half of each page is left for new versions of its rows: an update of a run that goes on touches no index.
  // Dead versions are taken away by the updates that come across them; vacuum is for rows that ended, and may come
  // often because the table that it reads is small. While a snapshot is held they stay, and an update passes those of its
  // own run: 12 us become 21 to 30 us (runs of 40 commits), not more the longer it is held.
  runs: 'WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000)',
  batches: 'PARTITION BY RANGE (run_id)',
  log_chunks: 'PARTITION BY RANGE (run_id)',
  // A few rows that change every second, or with every attempt.
  managers: 'WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500)',
  leases: 'WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)',
  // The end of a call is written into its entry.
  audit: 'WITH (fillfactor = 80)',
  commands: 'WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500)',
  executors: 'WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500)',
};

/** Partitions of what is only added to: nothing to vacuum but what retention deletes one by one, but frozen early, in
 *  small bites, rather than all at once. */
export const PARTITION_STORAGE =
  'WITH (autovacuum_vacuum_scale_factor = 0.1, autovacuum_vacuum_insert_scale_factor = 0.1)';

/** The tables that are partitioned by the time of their run. */
export const PARTITIONED = ['batches', 'log_chunks'];
