CREATE TABLE `cache_entries` (
	`key` text PRIMARY KEY,
	`pipeline` text NOT NULL,
	`processor` text NOT NULL,
	`run_id` text NOT NULL,
	`created_ms` real NOT NULL,
	`result` blob NOT NULL
);
--> statement-breakpoint
CREATE TABLE `file_links` (
	`id` integer PRIMARY KEY,
	`hash` text NOT NULL,
	`run_id` text NOT NULL,
	`processor` text NOT NULL,
	`attempt` integer NOT NULL,
	`role` text NOT NULL,
	`name` text NOT NULL,
	`size` real NOT NULL,
	`folder` integer NOT NULL,
	`media_type` text NOT NULL,
	`created_ms` real NOT NULL,
	`origin_run_id` text NOT NULL,
	`origin_attempt` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `file_stamps` (
	`path` text PRIMARY KEY,
	`size` real NOT NULL,
	`mtime_ns` text NOT NULL,
	`ctime_ns` text NOT NULL,
	`inode` text NOT NULL,
	`hash` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `record_columns` (
	`table_name` text NOT NULL,
	`place` integer NOT NULL,
	`name` text NOT NULL,
	`type` text NOT NULL,
	CONSTRAINT `record_columns_pk` PRIMARY KEY(`table_name`, `place`)
);
--> statement-breakpoint
CREATE TABLE `record_sets` (
	`id` integer PRIMARY KEY,
	`table_name` text NOT NULL,
	`run_id` text NOT NULL,
	`pipeline` text NOT NULL,
	`processor` text NOT NULL,
	`recorded_ms` real NOT NULL,
	`row_count` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `records` (
	`id` integer PRIMARY KEY,
	`set_id` integer NOT NULL,
	`row` blob NOT NULL
);
--> statement-breakpoint
CREATE INDEX `cache_entries_by_processor` ON `cache_entries` (`pipeline`,`processor`,`run_id`,`created_ms`);--> statement-breakpoint
CREATE INDEX `cache_entries_by_run` ON `cache_entries` (`run_id`);--> statement-breakpoint
CREATE INDEX `file_links_by_hash` ON `file_links` (`hash`,`run_id`);--> statement-breakpoint
CREATE INDEX `file_links_by_run` ON `file_links` (`run_id`,`processor`);--> statement-breakpoint
CREATE INDEX `file_links_kept` ON `file_links` (`run_id`) WHERE role = 'kept';--> statement-breakpoint
CREATE INDEX `record_sets_by_table` ON `record_sets` (`table_name`);--> statement-breakpoint
CREATE INDEX `record_sets_by_run` ON `record_sets` (`run_id`);--> statement-breakpoint
CREATE INDEX `records_by_set` ON `records` (`set_id`);