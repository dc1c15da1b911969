// Made by `npm run migrations` from the folders beside it. Do not edit.
export const MIGRATIONS: { name: string; statements: string[] }[] = [
  {
    "name": "20261120191352_first",
    "statements": [
      "CREATE TABLE `batches` (\n\t`run_id` text NOT NULL,\n\t`last_seq` integer NOT NULL,\n\t`first_seq` integer NOT NULL,\n\t`events` blob NOT NULL,\n\tCONSTRAINT `batches_pk` PRIMARY KEY(`run_id`, `last_seq`),\n\tCONSTRAINT `fk_batches_run_id_runs_run_id_fk` FOREIGN KEY (`run_id`) REFERENCES `runs`(`run_id`)\n);",
      "CREATE TABLE `catalogues` (\n\t`build` text PRIMARY KEY,\n\t`json` text NOT NULL\n);",
      "CREATE TABLE `commands` (\n\t`id` integer PRIMARY KEY AUTOINCREMENT,\n\t`run_id` text NOT NULL,\n\t`kind` text NOT NULL,\n\t`message` text NOT NULL,\n\tCONSTRAINT `fk_commands_run_id_runs_run_id_fk` FOREIGN KEY (`run_id`) REFERENCES `runs`(`run_id`)\n);",
      "CREATE TABLE `executors` (\n\t`executor_id` text PRIMARY KEY,\n\t`launcher` text NOT NULL,\n\t`address` text NOT NULL,\n\t`token` text NOT NULL,\n\t`pid` integer NOT NULL,\n\t`pid_start` real NOT NULL,\n\t`version` text NOT NULL,\n\t`slots` integer NOT NULL,\n\t`environment_hash` text NOT NULL,\n\t`started_ms` real NOT NULL\n);",
      "CREATE TABLE `leases` (\n\t`kind` text NOT NULL,\n\t`key` text NOT NULL,\n\t`holder` text NOT NULL,\n\t`epoch` integer DEFAULT 0 NOT NULL,\n\t`run_id` text DEFAULT '' NOT NULL,\n\t`expires_ms` real DEFAULT 0 NOT NULL,\n\tCONSTRAINT `leases_pk` PRIMARY KEY(`kind`, `key`, `holder`)\n);",
      "CREATE TABLE `managers` (\n\t`manager_id` text PRIMARY KEY,\n\t`kind` text NOT NULL,\n\t`pid` integer NOT NULL,\n\t`pid_start` real NOT NULL,\n\t`hostname` text NOT NULL,\n\t`started_ms` real NOT NULL,\n\t`heartbeat_ms` real NOT NULL,\n\t`expires_ms` real NOT NULL\n);",
      "CREATE TABLE `pipelines` (\n\t`name` text NOT NULL,\n\t`version` integer NOT NULL,\n\t`spec_json` text NOT NULL,\n\t`source` text NOT NULL,\n\t`base_dir` text NOT NULL,\n\t`description` text NOT NULL,\n\t`labels` text NOT NULL,\n\t`processor_count` integer NOT NULL,\n\t`created_ms` real NOT NULL,\n\t`deleted_ms` real NOT NULL,\n\tCONSTRAINT `pipelines_pk` PRIMARY KEY(`name`, `version`)\n);",
      "CREATE TABLE `runs` (\n\t`run_id` text PRIMARY KEY,\n\t`pipeline` text NOT NULL,\n\t`version` integer NOT NULL,\n\t`state` integer NOT NULL,\n\t`reason` text NOT NULL,\n\t`message` text NOT NULL,\n\t`created_ms` real NOT NULL,\n\t`ended_ms` real NOT NULL,\n\t`labels` text NOT NULL,\n\t`params_json` text NOT NULL,\n\t`idle` integer NOT NULL,\n\t`running` integer NOT NULL,\n\t`failed` integer NOT NULL,\n\t`succeeded` integer NOT NULL,\n\t`warnings` text NOT NULL,\n\t`cancel_requested` integer NOT NULL,\n\t`seq` integer NOT NULL,\n\t`epoch` integer NOT NULL\n);",
      "CREATE INDEX `commands_by_run` ON `commands` (`run_id`);",
      "CREATE UNIQUE INDEX `leases_one_holder` ON `leases` (`kind`,`key`) WHERE kind <> 'limit';",
      "CREATE INDEX `leases_by_holder` ON `leases` (`holder`);",
      "CREATE INDEX `leases_by_run` ON `leases` (`run_id`) WHERE kind = 'limit';",
      "CREATE INDEX `runs_by_state` ON `runs` (`state`,`run_id`);",
      "CREATE INDEX `runs_by_pipeline` ON `runs` (`pipeline`,`run_id`);"
    ]
  },
  {
    "name": "20261120222301_data",
    "statements": [
      "CREATE TABLE `cache_entries` (\n\t`key` text PRIMARY KEY,\n\t`pipeline` text NOT NULL,\n\t`processor` text NOT NULL,\n\t`run_id` text NOT NULL,\n\t`created_ms` real NOT NULL,\n\t`result` blob NOT NULL\n);",
      "CREATE TABLE `file_links` (\n\t`id` integer PRIMARY KEY,\n\t`hash` text NOT NULL,\n\t`run_id` text NOT NULL,\n\t`processor` text NOT NULL,\n\t`attempt` integer NOT NULL,\n\t`role` text NOT NULL,\n\t`name` text NOT NULL,\n\t`size` real NOT NULL,\n\t`folder` integer NOT NULL,\n\t`media_type` text NOT NULL,\n\t`created_ms` real NOT NULL,\n\t`origin_run_id` text NOT NULL,\n\t`origin_attempt` integer NOT NULL\n);",
      "CREATE TABLE `file_stamps` (\n\t`path` text PRIMARY KEY,\n\t`size` real NOT NULL,\n\t`mtime_ns` text NOT NULL,\n\t`ctime_ns` text NOT NULL,\n\t`inode` text NOT NULL,\n\t`hash` text NOT NULL\n);",
      "CREATE TABLE `record_columns` (\n\t`table_name` text NOT NULL,\n\t`place` integer NOT NULL,\n\t`name` text NOT NULL,\n\t`type` text NOT NULL,\n\tCONSTRAINT `record_columns_pk` PRIMARY KEY(`table_name`, `place`)\n);",
      "CREATE TABLE `record_sets` (\n\t`id` integer PRIMARY KEY,\n\t`table_name` text NOT NULL,\n\t`run_id` text NOT NULL,\n\t`pipeline` text NOT NULL,\n\t`processor` text NOT NULL,\n\t`recorded_ms` real NOT NULL,\n\t`row_count` integer NOT NULL\n);",
      "CREATE TABLE `records` (\n\t`id` integer PRIMARY KEY,\n\t`set_id` integer NOT NULL,\n\t`row` blob NOT NULL\n);",
      "CREATE INDEX `cache_entries_by_processor` ON `cache_entries` (`pipeline`,`processor`,`run_id`,`created_ms`);",
      "CREATE INDEX `cache_entries_by_run` ON `cache_entries` (`run_id`);",
      "CREATE INDEX `file_links_by_hash` ON `file_links` (`hash`,`run_id`);",
      "CREATE INDEX `file_links_by_run` ON `file_links` (`run_id`,`processor`);",
      "CREATE INDEX `file_links_kept` ON `file_links` (`run_id`) WHERE role = 'kept';",
      "CREATE INDEX `record_sets_by_table` ON `record_sets` (`table_name`);",
      "CREATE INDEX `record_sets_by_run` ON `record_sets` (`run_id`);",
      "CREATE INDEX `records_by_set` ON `records` (`set_id`);"
    ]
  },
  {
    "name": "20261128084403_access",
    "statements": [
      "CREATE TABLE `audit` (\n\t`entry_id` text PRIMARY KEY,\n\t`at_ms` real NOT NULL,\n\t`actor` text NOT NULL,\n\t`kind` text NOT NULL,\n\t`credential` text NOT NULL,\n\t`method` text NOT NULL,\n\t`target` text NOT NULL,\n\t`outcome` text NOT NULL,\n\t`peer` text NOT NULL,\n\t`manager_id` text NOT NULL,\n\t`trace_id` text NOT NULL,\n\t`calls` integer NOT NULL\n);",
      "CREATE TABLE `tokens` (\n\t`token_id` text PRIMARY KEY,\n\t`name` text NOT NULL,\n\t`role` integer NOT NULL,\n\t`scopes` text NOT NULL,\n\t`hash` text NOT NULL,\n\t`created_by` text NOT NULL,\n\t`created_ms` real NOT NULL,\n\t`expires_ms` real NOT NULL,\n\t`revoked_ms` real NOT NULL,\n\t`last_used_ms` real NOT NULL\n);",
      "CREATE TABLE `users` (\n\t`name` text PRIMARY KEY,\n\t`role` integer NOT NULL,\n\t`password_hash` text NOT NULL,\n\t`created_by` text NOT NULL,\n\t`created_ms` real NOT NULL,\n\t`password_ms` real NOT NULL\n);",
      "CREATE UNIQUE INDEX `tokens_by_name` ON `tokens` (`name`) WHERE revoked_ms = 0;"
    ]
  },
  {
    "name": "20261128090801_share_runs",
    "statements": [
      "CREATE TABLE `terms` (\n\t`epoch` integer PRIMARY KEY AUTOINCREMENT,\n\t`manager_id` text NOT NULL,\n\t`started_ms` real NOT NULL\n);",
      "ALTER TABLE `executors` ADD `machine` text DEFAULT '' NOT NULL;",
      "ALTER TABLE `managers` ADD `roles` text DEFAULT '[\"api\",\"runs\"]' NOT NULL;",
      "ALTER TABLE `managers` ADD `draining` integer DEFAULT false NOT NULL;",
      "ALTER TABLE `managers` ADD `url` text DEFAULT '' NOT NULL;",
      "ALTER TABLE `managers` ADD `runs` integer DEFAULT 0 NOT NULL;",
      "ALTER TABLE `managers` ADD `loads` text DEFAULT '{}' NOT NULL;",
      "ALTER TABLE `managers` ADD `machine` text DEFAULT '' NOT NULL;",
      "ALTER TABLE `runs` ADD `shard` integer DEFAULT 0 NOT NULL;"
    ]
  },
  {
    "name": "20261128094916_hooks_and_schedules",
    "statements": [
      "CREATE TABLE `deliveries` (\n\t`delivery_id` text PRIMARY KEY,\n\t`hook_key` text NOT NULL,\n\t`run_id` text NOT NULL,\n\t`pipeline` text NOT NULL,\n\t`event` text NOT NULL,\n\t`processor` text NOT NULL,\n\t`created_ms` real NOT NULL,\n\t`target` text NOT NULL,\n\t`body` text NOT NULL,\n\t`timeout_ms` real NOT NULL,\n\t`state` text NOT NULL,\n\t`tries` integer DEFAULT 0 NOT NULL,\n\t`tries_before` integer DEFAULT 0 NOT NULL,\n\t`next_ms` real NOT NULL,\n\t`ended_ms` real DEFAULT 0 NOT NULL,\n\t`error` text DEFAULT '' NOT NULL,\n\t`holder` text DEFAULT '' NOT NULL,\n\t`held_until_ms` real DEFAULT 0 NOT NULL\n);",
      "CREATE TABLE `delivery_tries` (\n\t`delivery_id` text NOT NULL,\n\t`attempt` integer NOT NULL,\n\t`started_ms` real NOT NULL,\n\t`duration_ms` real DEFAULT -1 NOT NULL,\n\t`status` integer DEFAULT 0 NOT NULL,\n\t`error` text DEFAULT '' NOT NULL,\n\t`output` text DEFAULT '' NOT NULL,\n\tCONSTRAINT `delivery_tries_pk` PRIMARY KEY(`delivery_id`, `attempt`)\n);",
      "CREATE TABLE `disabled_hooks` (\n\t`hook_key` text PRIMARY KEY,\n\t`disabled_ms` real NOT NULL\n);",
      "CREATE TABLE `schedules` (\n\t`pipeline` text NOT NULL,\n\t`name` text NOT NULL,\n\t`version` integer NOT NULL,\n\t`definition` text NOT NULL,\n\t`time_zone` text NOT NULL,\n\t`paused` integer NOT NULL,\n\t`paused_by_file` integer NOT NULL,\n\t`next_ms` real NOT NULL,\n\t`waiting` text DEFAULT '[]' NOT NULL,\n\t`last_ms` real DEFAULT 0 NOT NULL,\n\t`last_run_id` text DEFAULT '' NOT NULL,\n\t`last_outcome` text DEFAULT '' NOT NULL,\n\t`revision` integer DEFAULT 1 NOT NULL,\n\tCONSTRAINT `schedules_pk` PRIMARY KEY(`pipeline`, `name`)\n);",
      "CREATE INDEX `deliveries_due` ON `deliveries` (`next_ms`) WHERE state = 'pending';",
      "CREATE INDEX `deliveries_by_run` ON `deliveries` (`run_id`,`created_ms`);",
      "CREATE INDEX `deliveries_by_time` ON `deliveries` (`created_ms`,`delivery_id`);"
    ]
  },
  {
    "name": "20261128100038_registered_executors",
    "statements": [
      "ALTER TABLE `executors` ADD `hostname` text DEFAULT '' NOT NULL;",
      "ALTER TABLE `executors` ADD `tls` text;",
      "ALTER TABLE `executors` ADD `name` text DEFAULT '' NOT NULL;",
      "ALTER TABLE `executors` ADD `labels` text DEFAULT '{}' NOT NULL;",
      "ALTER TABLE `executors` ADD `draining_ms` real DEFAULT 0 NOT NULL;",
      "CREATE UNIQUE INDEX `executors_one_name` ON `executors` (`name`) WHERE launcher = 'registered';",
      "CREATE UNIQUE INDEX `executors_one_address` ON `executors` (`address`) WHERE launcher = 'registered';"
    ]
  }
];
