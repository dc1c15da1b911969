// Made by `npm run migrations:postgres` from the folders beside it. Do not edit.
export const MIGRATIONS: { name: string; statements: string[] }[] = [
  {
    "name": "20261128092402_first",
    "statements": [
      "CREATE TABLE \"audit\" (\n\t\"entry_id\" text COLLATE \"C\" PRIMARY KEY,\n\t\"at_ms\" double precision NOT NULL,\n\t\"actor\" text COLLATE \"C\" NOT NULL,\n\t\"kind\" text COLLATE \"C\" NOT NULL,\n\t\"credential\" text COLLATE \"C\" NOT NULL,\n\t\"method\" text COLLATE \"C\" NOT NULL,\n\t\"target\" text COLLATE \"C\" NOT NULL,\n\t\"outcome\" text COLLATE \"C\" NOT NULL,\n\t\"peer\" text COLLATE \"C\" NOT NULL,\n\t\"manager_id\" text COLLATE \"C\" NOT NULL,\n\t\"trace_id\" text COLLATE \"C\" NOT NULL,\n\t\"calls\" integer NOT NULL\n) WITH (fillfactor = 80);",
      "CREATE TABLE \"batches\" (\n\t\"run_id\" text COLLATE \"C\",\n\t\"last_seq\" integer,\n\t\"first_seq\" integer NOT NULL,\n\t\"events\" bytea NOT NULL,\n\tCONSTRAINT \"batches_pkey\" PRIMARY KEY(\"run_id\",\"last_seq\")\n) PARTITION BY RANGE (run_id);",
      "CREATE TABLE \"cache_entries\" (\n\t\"key\" text COLLATE \"C\" PRIMARY KEY,\n\t\"pipeline\" text COLLATE \"C\" NOT NULL,\n\t\"processor\" text COLLATE \"C\" NOT NULL,\n\t\"run_id\" text COLLATE \"C\" NOT NULL,\n\t\"created_ms\" double precision NOT NULL,\n\t\"result\" bytea NOT NULL\n);",
      "CREATE TABLE \"catalogues\" (\n\t\"build\" text COLLATE \"C\" PRIMARY KEY,\n\t\"json\" text COLLATE \"C\" NOT NULL\n);",
      "CREATE TABLE \"commands\" (\n\t\"id\" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name \"commands_id_seq\" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),\n\t\"run_id\" text COLLATE \"C\" NOT NULL,\n\t\"kind\" text COLLATE \"C\" NOT NULL,\n\t\"message\" text COLLATE \"C\" NOT NULL\n) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);",
      "CREATE TABLE \"executors\" (\n\t\"executor_id\" text COLLATE \"C\" PRIMARY KEY,\n\t\"launcher\" text COLLATE \"C\" NOT NULL,\n\t\"address\" text COLLATE \"C\" NOT NULL,\n\t\"token\" text COLLATE \"C\" NOT NULL,\n\t\"pid\" integer NOT NULL,\n\t\"pid_start\" double precision NOT NULL,\n\t\"version\" text COLLATE \"C\" NOT NULL,\n\t\"slots\" integer NOT NULL,\n\t\"environment_hash\" text COLLATE \"C\" NOT NULL,\n\t\"started_ms\" double precision NOT NULL,\n\t\"machine\" text COLLATE \"C\" NOT NULL\n) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);",
      "CREATE TABLE \"file_links\" (\n\t\"id\" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name \"file_links_id_seq\" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),\n\t\"hash\" text COLLATE \"C\" NOT NULL,\n\t\"run_id\" text COLLATE \"C\" NOT NULL,\n\t\"processor\" text COLLATE \"C\" NOT NULL,\n\t\"attempt\" integer NOT NULL,\n\t\"role\" text COLLATE \"C\" NOT NULL,\n\t\"name\" text COLLATE \"C\" NOT NULL,\n\t\"size\" double precision NOT NULL,\n\t\"folder\" boolean NOT NULL,\n\t\"media_type\" text COLLATE \"C\" NOT NULL,\n\t\"created_ms\" double precision NOT NULL,\n\t\"origin_run_id\" text COLLATE \"C\" NOT NULL,\n\t\"origin_attempt\" integer NOT NULL\n);",
      "CREATE TABLE \"file_stamps\" (\n\t\"path\" text COLLATE \"C\" PRIMARY KEY,\n\t\"size\" double precision NOT NULL,\n\t\"mtime_ns\" text COLLATE \"C\" NOT NULL,\n\t\"ctime_ns\" text COLLATE \"C\" NOT NULL,\n\t\"inode\" text COLLATE \"C\" NOT NULL,\n\t\"hash\" text COLLATE \"C\" NOT NULL\n);",
      "CREATE TABLE \"leases\" (\n\t\"kind\" text COLLATE \"C\",\n\t\"key\" text COLLATE \"C\",\n\t\"holder\" text COLLATE \"C\",\n\t\"epoch\" integer NOT NULL,\n\t\"run_id\" text COLLATE \"C\" NOT NULL,\n\t\"expires_ms\" double precision NOT NULL,\n\tCONSTRAINT \"leases_pkey\" PRIMARY KEY(\"kind\",\"key\",\"holder\")\n) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);",
      "CREATE TABLE \"log_chunks\" (\n\t\"run_id\" text COLLATE \"C\",\n\t\"processor\" text COLLATE \"C\",\n\t\"attempt\" integer,\n\t\"position\" integer,\n\t\"stream\" integer NOT NULL,\n\t\"byte_offset\" double precision NOT NULL,\n\t\"line\" double precision NOT NULL,\n\t\"line_feeds\" integer NOT NULL,\n\t\"unix_ms\" double precision NOT NULL,\n\t\"data\" bytea NOT NULL,\n\tCONSTRAINT \"log_chunks_pkey\" PRIMARY KEY(\"run_id\",\"processor\",\"attempt\",\"position\")\n) PARTITION BY RANGE (run_id);",
      "CREATE TABLE \"managers\" (\n\t\"manager_id\" text COLLATE \"C\" PRIMARY KEY,\n\t\"kind\" text COLLATE \"C\" NOT NULL,\n\t\"pid\" integer NOT NULL,\n\t\"pid_start\" double precision NOT NULL,\n\t\"hostname\" text COLLATE \"C\" NOT NULL,\n\t\"started_ms\" double precision NOT NULL,\n\t\"heartbeat_ms\" double precision NOT NULL,\n\t\"expires_ms\" double precision NOT NULL,\n\t\"roles\" text NOT NULL,\n\t\"draining\" boolean NOT NULL,\n\t\"url\" text COLLATE \"C\" NOT NULL,\n\t\"runs\" integer NOT NULL,\n\t\"loads\" text NOT NULL,\n\t\"machine\" text COLLATE \"C\" NOT NULL\n) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500);",
      "CREATE TABLE \"pipelines\" (\n\t\"name\" text COLLATE \"C\",\n\t\"version\" integer,\n\t\"spec_json\" text COLLATE \"C\" NOT NULL,\n\t\"source\" text COLLATE \"C\" NOT NULL,\n\t\"base_dir\" text COLLATE \"C\" NOT NULL,\n\t\"description\" text COLLATE \"C\" NOT NULL,\n\t\"labels\" text NOT NULL,\n\t\"processor_count\" integer NOT NULL,\n\t\"created_ms\" double precision NOT NULL,\n\t\"deleted_ms\" double precision NOT NULL,\n\tCONSTRAINT \"pipelines_pkey\" PRIMARY KEY(\"name\",\"version\")\n);",
      "CREATE TABLE \"record_columns\" (\n\t\"table_name\" text COLLATE \"C\",\n\t\"place\" integer,\n\t\"name\" text COLLATE \"C\" NOT NULL,\n\t\"type\" text COLLATE \"C\" NOT NULL,\n\tCONSTRAINT \"record_columns_pkey\" PRIMARY KEY(\"table_name\",\"place\")\n);",
      "CREATE TABLE \"record_sets\" (\n\t\"id\" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name \"record_sets_id_seq\" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),\n\t\"table_name\" text COLLATE \"C\" NOT NULL,\n\t\"run_id\" text COLLATE \"C\" NOT NULL,\n\t\"pipeline\" text COLLATE \"C\" NOT NULL,\n\t\"processor\" text COLLATE \"C\" NOT NULL,\n\t\"recorded_ms\" double precision NOT NULL,\n\t\"row_count\" integer NOT NULL\n);",
      "CREATE TABLE \"records\" (\n\t\"id\" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name \"records_id_seq\" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),\n\t\"set_id\" bigint NOT NULL,\n\t\"row\" jsonb NOT NULL\n);",
      "CREATE TABLE \"runs\" (\n\t\"run_id\" text COLLATE \"C\" PRIMARY KEY,\n\t\"pipeline\" text COLLATE \"C\" NOT NULL,\n\t\"version\" integer NOT NULL,\n\t\"state\" integer NOT NULL,\n\t\"reason\" text COLLATE \"C\" NOT NULL,\n\t\"message\" text COLLATE \"C\" NOT NULL,\n\t\"created_ms\" double precision NOT NULL,\n\t\"ended_ms\" double precision NOT NULL,\n\t\"labels\" text NOT NULL,\n\t\"params_json\" text COLLATE \"C\" NOT NULL,\n\t\"idle\" integer NOT NULL,\n\t\"running\" integer NOT NULL,\n\t\"failed\" integer NOT NULL,\n\t\"succeeded\" integer NOT NULL,\n\t\"warnings\" text NOT NULL,\n\t\"cancel_requested\" boolean NOT NULL,\n\t\"seq\" integer NOT NULL,\n\t\"epoch\" integer NOT NULL,\n\t\"manager_id\" text COLLATE \"C\",\n\t\"claim\" text COLLATE \"C\" NOT NULL,\n\t\"shard\" integer NOT NULL\n) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 2000);",
      "CREATE TABLE \"terms\" (\n\t\"epoch\" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name \"terms_epoch_seq\" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),\n\t\"manager_id\" text COLLATE \"C\" NOT NULL,\n\t\"started_ms\" double precision NOT NULL\n);",
      "CREATE TABLE \"tokens\" (\n\t\"token_id\" text COLLATE \"C\" PRIMARY KEY,\n\t\"name\" text COLLATE \"C\" NOT NULL,\n\t\"role\" integer NOT NULL,\n\t\"scopes\" text NOT NULL,\n\t\"hash\" text COLLATE \"C\" NOT NULL,\n\t\"created_by\" text COLLATE \"C\" NOT NULL,\n\t\"created_ms\" double precision NOT NULL,\n\t\"expires_ms\" double precision NOT NULL,\n\t\"revoked_ms\" double precision NOT NULL,\n\t\"last_used_ms\" double precision NOT NULL\n);",
      "CREATE TABLE \"users\" (\n\t\"name\" text COLLATE \"C\" PRIMARY KEY,\n\t\"role\" integer NOT NULL,\n\t\"password_hash\" text COLLATE \"C\" NOT NULL,\n\t\"created_by\" text COLLATE \"C\" NOT NULL,\n\t\"created_ms\" double precision NOT NULL,\n\t\"password_ms\" double precision NOT NULL\n);",
      "CREATE INDEX \"cache_entries_by_processor\" ON \"cache_entries\" (\"pipeline\",\"processor\",\"run_id\",\"created_ms\");",
      "CREATE INDEX \"cache_entries_by_run\" ON \"cache_entries\" (\"run_id\");",
      "CREATE INDEX \"commands_by_run\" ON \"commands\" (\"run_id\");",
      "CREATE INDEX \"file_links_by_hash\" ON \"file_links\" (\"hash\",\"run_id\");",
      "CREATE INDEX \"file_links_by_run\" ON \"file_links\" (\"run_id\",\"processor\");",
      "CREATE INDEX \"file_links_kept\" ON \"file_links\" (\"run_id\") WHERE role = 'kept';",
      "CREATE UNIQUE INDEX \"leases_one_holder\" ON \"leases\" (\"kind\",\"key\") WHERE kind <> 'limit';",
      "CREATE INDEX \"leases_by_holder\" ON \"leases\" (\"holder\");",
      "CREATE INDEX \"leases_by_run\" ON \"leases\" (\"run_id\") WHERE kind = 'limit';",
      "CREATE INDEX \"record_sets_by_table\" ON \"record_sets\" (\"table_name\");",
      "CREATE INDEX \"record_sets_by_run\" ON \"record_sets\" (\"run_id\");",
      "CREATE INDEX \"records_by_set\" ON \"records\" (\"set_id\");",
      "CREATE INDEX \"runs_by_state\" ON \"runs\" (\"state\",\"run_id\");",
      "CREATE INDEX \"runs_by_pipeline\" ON \"runs\" (\"pipeline\",\"run_id\");",
      "CREATE INDEX \"runs_by_manager\" ON \"runs\" (\"manager_id\") WHERE manager_id IS NOT NULL;",
      "CREATE UNIQUE INDEX \"tokens_by_name\" ON \"tokens\" (\"name\") WHERE revoked_ms = 0;"
    ]
  },
  {
    "name": "20261128093937_log_offsets",
    "statements": [
      "ALTER TABLE \"log_chunks\" ADD COLUMN \"other_offset\" double precision NOT NULL;"
    ]
  },
  {
    "name": "20261128095152_hooks_and_schedules",
    "statements": [
      "CREATE TABLE \"deliveries\" (\n\t\"delivery_id\" text COLLATE \"C\" PRIMARY KEY,\n\t\"hook_key\" text COLLATE \"C\" NOT NULL,\n\t\"run_id\" text COLLATE \"C\" NOT NULL,\n\t\"pipeline\" text COLLATE \"C\" NOT NULL,\n\t\"event\" text COLLATE \"C\" NOT NULL,\n\t\"processor\" text COLLATE \"C\" NOT NULL,\n\t\"created_ms\" double precision NOT NULL,\n\t\"target\" text COLLATE \"C\" NOT NULL,\n\t\"body\" text COLLATE \"C\" NOT NULL,\n\t\"timeout_ms\" double precision NOT NULL,\n\t\"state\" text COLLATE \"C\" NOT NULL,\n\t\"tries\" integer NOT NULL,\n\t\"tries_before\" integer NOT NULL,\n\t\"next_ms\" double precision NOT NULL,\n\t\"ended_ms\" double precision NOT NULL,\n\t\"error\" text COLLATE \"C\" NOT NULL,\n\t\"holder\" text COLLATE \"C\" NOT NULL,\n\t\"held_until_ms\" double precision NOT NULL\n);",
      "CREATE TABLE \"delivery_tries\" (\n\t\"delivery_id\" text COLLATE \"C\",\n\t\"attempt\" integer,\n\t\"started_ms\" double precision NOT NULL,\n\t\"duration_ms\" double precision NOT NULL,\n\t\"status\" integer NOT NULL,\n\t\"error\" text COLLATE \"C\" NOT NULL,\n\t\"output\" text COLLATE \"C\" NOT NULL,\n\tCONSTRAINT \"delivery_tries_pkey\" PRIMARY KEY(\"delivery_id\",\"attempt\")\n);",
      "CREATE TABLE \"disabled_hooks\" (\n\t\"hook_key\" text COLLATE \"C\" PRIMARY KEY,\n\t\"disabled_ms\" double precision NOT NULL\n);",
      "CREATE TABLE \"schedules\" (\n\t\"pipeline\" text COLLATE \"C\",\n\t\"name\" text COLLATE \"C\",\n\t\"version\" integer NOT NULL,\n\t\"definition\" text COLLATE \"C\" NOT NULL,\n\t\"time_zone\" text COLLATE \"C\" NOT NULL,\n\t\"paused\" boolean NOT NULL,\n\t\"paused_by_file\" boolean NOT NULL,\n\t\"next_ms\" double precision NOT NULL,\n\t\"waiting\" text COLLATE \"C\" NOT NULL,\n\t\"last_ms\" double precision NOT NULL,\n\t\"last_run_id\" text COLLATE \"C\" NOT NULL,\n\t\"last_outcome\" text COLLATE \"C\" NOT NULL,\n\t\"revision\" integer NOT NULL,\n\tCONSTRAINT \"schedules_pkey\" PRIMARY KEY(\"pipeline\",\"name\")\n);",
      "CREATE INDEX \"deliveries_due\" ON \"deliveries\" (\"next_ms\") WHERE state = 'pending';",
      "CREATE INDEX \"deliveries_by_run\" ON \"deliveries\" (\"run_id\",\"created_ms\");",
      "CREATE INDEX \"deliveries_by_time\" ON \"deliveries\" (\"created_ms\",\"delivery_id\");"
    ]
  },
  {
    "name": "20261128102226_registered_executors",
    "statements": [
      "ALTER TABLE \"executors\" ADD COLUMN \"hostname\" text COLLATE \"C\" DEFAULT '' NOT NULL;",
      "ALTER TABLE \"executors\" ADD COLUMN \"tls\" text;",
      "ALTER TABLE \"executors\" ADD COLUMN \"name\" text COLLATE \"C\" DEFAULT '' NOT NULL;",
      "ALTER TABLE \"executors\" ADD COLUMN \"labels\" text DEFAULT '{}' NOT NULL;",
      "ALTER TABLE \"executors\" ADD COLUMN \"draining_ms\" double precision DEFAULT 0 NOT NULL;",
      "CREATE UNIQUE INDEX \"executors_one_name\" ON \"executors\" (\"name\") WHERE launcher = 'registered';",
      "CREATE UNIQUE INDEX \"executors_one_address\" ON \"executors\" (\"address\") WHERE launcher = 'registered';"
    ]
  }
];
