CREATE TABLE "deliveries" (
	"delivery_id" text COLLATE "C" PRIMARY KEY,
	"hook_key" text COLLATE "C" NOT NULL,
	"run_id" text COLLATE "C" NOT NULL,
	"pipeline" text COLLATE "C" NOT NULL,
	"event" text COLLATE "C" NOT NULL,
	"processor" text COLLATE "C" NOT NULL,
	"created_ms" double precision NOT NULL,
	"target" text COLLATE "C" NOT NULL,
	"body" text COLLATE "C" NOT NULL,
	"timeout_ms" double precision NOT NULL,
	"state" text COLLATE "C" NOT NULL,
	"tries" integer NOT NULL,
	"tries_before" integer NOT NULL,
	"next_ms" double precision NOT NULL,
	"ended_ms" double precision NOT NULL,
	"error" text COLLATE "C" NOT NULL,
	"holder" text COLLATE "C" NOT NULL,
	"held_until_ms" double precision NOT NULL
);
--> statement-breakpoint
CREATE TABLE "delivery_tries" (
	"delivery_id" text COLLATE "C",
	"attempt" integer,
	"started_ms" double precision NOT NULL,
	"duration_ms" double precision NOT NULL,
	"status" integer NOT NULL,
	"error" text COLLATE "C" NOT NULL,
	"output" text COLLATE "C" NOT NULL,
	CONSTRAINT "delivery_tries_pkey" PRIMARY KEY("delivery_id","attempt")
);
--> statement-breakpoint
CREATE TABLE "disabled_hooks" (
	"hook_key" text COLLATE "C" PRIMARY KEY,
	"disabled_ms" double precision NOT NULL
);
--> statement-breakpoint
CREATE TABLE "schedules" (
	"pipeline" text COLLATE "C",
	"name" text COLLATE "C",
	"version" integer NOT NULL,
	"definition" text COLLATE "C" NOT NULL,
	"time_zone" text COLLATE "C" NOT NULL,
	"paused" boolean NOT NULL,
	"paused_by_file" boolean NOT NULL,
	"next_ms" double precision NOT NULL,
	"waiting" text COLLATE "C" NOT NULL,
	"last_ms" double precision NOT NULL,
	"last_run_id" text COLLATE "C" NOT NULL,
	"last_outcome" text COLLATE "C" NOT NULL,
	"revision" integer NOT NULL,
	CONSTRAINT "schedules_pkey" PRIMARY KEY("pipeline","name")
);
--> statement-breakpoint
CREATE INDEX "deliveries_due" ON "deliveries" ("next_ms") WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX "deliveries_by_run" ON "deliveries" ("run_id","created_ms");--> statement-breakpoint
CREATE INDEX "deliveries_by_time" ON "deliveries" ("created_ms","delivery_id");