CREATE TABLE `terms` (
	`epoch` integer PRIMARY KEY AUTOINCREMENT,
	`manager_id` text NOT NULL,
	`started_ms` real NOT NULL
);
--> statement-breakpoint
ALTER TABLE `executors` ADD `machine` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `managers` ADD `roles` text DEFAULT '["api","runs"]' NOT NULL;--> statement-breakpoint
ALTER TABLE `managers` ADD `draining` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `managers` ADD `url` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `managers` ADD `runs` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `managers` ADD `loads` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `managers` ADD `machine` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `runs` ADD `shard` integer DEFAULT 0 NOT NULL;