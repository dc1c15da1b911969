CREATE TABLE `batches` (
	`run_id` text NOT NULL,
	`last_seq` integer NOT NULL,
	`first_seq` integer NOT NULL,
	`events` blob NOT NULL,
	CONSTRAINT `batches_pk` PRIMARY KEY(`run_id`, `last_seq`),
	CONSTRAINT `fk_batches_run_id_runs_run_id_fk` FOREIGN KEY (`run_id`) REFERENCES `runs`(`run_id`)
);
--> statement-breakpoint
CREATE TABLE `catalogues` (
	`build` text PRIMARY KEY,
	`json` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `commands` (
	`id` integer PRIMARY KEY AUTOINCREMENT,
	`run_id` text NOT NULL,
	`kind` text NOT NULL,
	`message` text NOT NULL,
	CONSTRAINT `fk_commands_run_id_runs_run_id_fk` FOREIGN KEY (`run_id`) REFERENCES `runs`(`run_id`)
);
--> statement-breakpoint
CREATE TABLE `executors` (
	`executor_id` text PRIMARY KEY,
	`launcher` text NOT NULL,
	`address` text NOT NULL,
	`token` text NOT NULL,
	`pid` integer NOT NULL,
	`pid_start` real NOT NULL,
	`version` text NOT NULL,
	`slots` integer NOT NULL,
	`environment_hash` text NOT NULL,
	`started_ms` real NOT NULL
);
--> statement-breakpoint
CREATE TABLE `leases` (
	`kind` text NOT NULL,
	`key` text NOT NULL,
	`holder` text NOT NULL,
	`epoch` integer DEFAULT 0 NOT NULL,
	`run_id` text DEFAULT '' NOT NULL,
	`expires_ms` real DEFAULT 0 NOT NULL,
	CONSTRAINT `leases_pk` PRIMARY KEY(`kind`, `key`, `holder`)
);
--> statement-breakpoint
CREATE TABLE `managers` (
	`manager_id` text PRIMARY KEY,
	`kind` text NOT NULL,
	`pid` integer NOT NULL,
	`pid_start` real NOT NULL,
	`hostname` text NOT NULL,
	`started_ms` real NOT NULL,
	`heartbeat_ms` real NOT NULL,
	`expires_ms` real NOT NULL
);
--> statement-breakpoint
CREATE TABLE `pipelines` (
	`name` text NOT NULL,
	`version` integer NOT NULL,
	`spec_json` text NOT NULL,
	`source` text NOT NULL,
	`base_dir` text NOT NULL,
	`description` text NOT NULL,
	`labels` text NOT NULL,
	`processor_count` integer NOT NULL,
	`created_ms` real NOT NULL,
	`deleted_ms` real NOT NULL,
	CONSTRAINT `pipelines_pk` PRIMARY KEY(`name`, `version`)
);
--> statement-breakpoint
CREATE TABLE `runs` (
	`run_id` text PRIMARY KEY,
	`pipeline` text NOT NULL,
	`version` integer NOT NULL,
	`state` integer NOT NULL,
	`reason` text NOT NULL,
	`message` text NOT NULL,
	`created_ms` real NOT NULL,
	`ended_ms` real NOT NULL,
	`labels` text NOT NULL,
	`params_json` text NOT NULL,
	`idle` integer NOT NULL,
	`running` integer NOT NULL,
	`failed` integer NOT NULL,
	`succeeded` integer NOT NULL,
	`warnings` text NOT NULL,
	`cancel_requested` integer NOT NULL,
	`seq` integer NOT NULL,
	`epoch` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `commands_by_run` ON `commands` (`run_id`);--> statement-breakpoint
CREATE UNIQUE INDEX `leases_one_holder` ON `leases` (`kind`,`key`) WHERE kind <> 'limit';--> statement-breakpoint
CREATE INDEX `leases_by_holder` ON `leases` (`holder`);--> statement-breakpoint
CREATE INDEX `leases_by_run` ON `leases` (`run_id`) WHERE kind = 'limit';--> statement-breakpoint
CREATE INDEX `runs_by_state` ON `runs` (`state`,`run_id`);--> statement-breakpoint
CREATE INDEX `runs_by_pipeline` ON `runs` (`pipeline`,`run_id`);