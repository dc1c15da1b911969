ALTER TABLE "executors" ADD COLUMN "hostname" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "executors" ADD COLUMN "tls" text;--> statement-breakpoint
ALTER TABLE "executors" ADD COLUMN "name" text COLLATE "C" DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "executors" ADD COLUMN "labels" text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "executors" ADD COLUMN "draining_ms" double precision DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "executors_one_name" ON "executors" ("name") WHERE launcher = 'registered';--> statement-breakpoint
CREATE UNIQUE INDEX "executors_one_address" ON "executors" ("address") WHERE launcher = 'registered';