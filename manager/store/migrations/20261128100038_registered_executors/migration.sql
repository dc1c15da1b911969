ALTER TABLE `executors` ADD `hostname` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `executors` ADD `tls` text;--> statement-breakpoint
ALTER TABLE `executors` ADD `name` text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE `executors` ADD `labels` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `executors` ADD `draining_ms` real DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX `executors_one_name` ON `executors` (`name`) WHERE launcher = 'registered';--> statement-breakpoint
CREATE UNIQUE INDEX `executors_one_address` ON `executors` (`address`) WHERE launcher = 'registered';