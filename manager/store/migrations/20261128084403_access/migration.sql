CREATE TABLE `audit` (
	`entry_id` text PRIMARY KEY,
	`at_ms` real NOT NULL,
	`actor` text NOT NULL,
	`kind` text NOT NULL,
	`credential` text NOT NULL,
	`method` text NOT NULL,
	`target` text NOT NULL,
	`outcome` text NOT NULL,
	`peer` text NOT NULL,
	`manager_id` text NOT NULL,
	`trace_id` text NOT NULL,
	`calls` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `tokens` (
	`token_id` text PRIMARY KEY,
	`name` text NOT NULL,
	`role` integer NOT NULL,
	`scopes` text NOT NULL,
	`hash` text NOT NULL,
	`created_by` text NOT NULL,
	`created_ms` real NOT NULL,
	`expires_ms` real NOT NULL,
	`revoked_ms` real NOT NULL,
	`last_used_ms` real NOT NULL
);
--> statement-breakpoint
CREATE TABLE `users` (
	`name` text PRIMARY KEY,
	`role` integer NOT NULL,
	`password_hash` text NOT NULL,
	`created_by` text NOT NULL,
	`created_ms` real NOT NULL,
	`password_ms` real NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `tokens_by_name` ON `tokens` (`name`) WHERE revoked_ms = 0;