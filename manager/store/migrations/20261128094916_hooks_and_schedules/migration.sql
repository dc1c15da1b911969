CREATE TABLE `deliveries` (
	`delivery_id` text PRIMARY KEY,
	`hook_key` text NOT NULL,
	`run_id` text NOT NULL,
	`pipeline` text NOT NULL,
	`event` text NOT NULL,
	`processor` text NOT NULL,
	`created_ms` real NOT NULL,
	`target` text NOT NULL,
	`body` text NOT NULL,
	`timeout_ms` real NOT NULL,
	`state` text NOT NULL,
	`tries` integer DEFAULT 0 NOT NULL,
	`tries_before` integer DEFAULT 0 NOT NULL,
	`next_ms` real NOT NULL,
	`ended_ms` real DEFAULT 0 NOT NULL,
	`error` text DEFAULT '' NOT NULL,
	`holder` text DEFAULT '' NOT NULL,
	`held_until_ms` real DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE `delivery_tries` (
	`delivery_id` text NOT NULL,
	`attempt` integer NOT NULL,
	`started_ms` real NOT NULL,
	`duration_ms` real DEFAULT -1 NOT NULL,
	`status` integer DEFAULT 0 NOT NULL,
	`error` text DEFAULT '' NOT NULL,
	`output` text DEFAULT '' NOT NULL,
	CONSTRAINT `delivery_tries_pk` PRIMARY KEY(`delivery_id`, `attempt`)
);
--> statement-breakpoint
CREATE TABLE `disabled_hooks` (
	`hook_key` text PRIMARY KEY,
	`disabled_ms` real NOT NULL
);
--> statement-breakpoint
CREATE TABLE `schedules` (
	`pipeline` text NOT NULL,
	`name` text NOT NULL,
	`version` integer NOT NULL,
	`definition` text NOT NULL,
	`time_zone` text NOT NULL,
	`paused` integer NOT NULL,
	`paused_by_file` integer NOT NULL,
	`next_ms` real NOT NULL,
	`waiting` text DEFAULT '[]' NOT NULL,
	`last_ms` real DEFAULT 0 NOT NULL,
	`last_run_id` text DEFAULT '' NOT NULL,
	`last_outcome` text DEFAULT '' NOT NULL,
	`revision` integer DEFAULT 1 NOT NULL,
	CONSTRAINT `schedules_pk` PRIMARY KEY(`pipeline`, `name`)
);
--> statement-breakpoint
CREATE INDEX `deliveries_due` ON `deliveries` (`next_ms`) WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX `deliveries_by_run` ON `deliveries` (`run_id`,`created_ms`);--> statement-breakpoint
CREATE INDEX `deliveries_by_time` ON `deliveries` (`created_ms`,`delivery_id`);