CREATE TABLE "audit" (
	"entry_id" text COLLATE "C" PRIMARY KEY,
	"at_ms" double precision NOT NULL,
	"actor" text COLLATE "C" NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"credential" text COLLATE "C" NOT NULL,
	"method" text COLLATE "C" NOT NULL,
	"target" text COLLATE "C" NOT NULL,
	"outcome" text COLLATE "C" NOT NULL,
	"peer" text COLLATE "C" NOT NULL,
	"manager_id" text COLLATE "C" NOT NULL,
	"trace_id" text COLLATE "C" NOT NULL,
	"calls" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "batches" (
	"run_id" text COLLATE "C",
	"last_seq" integer,
	"first_seq" integer NOT NULL,
	"events" bytea NOT NULL,
	CONSTRAINT "batches_pkey" PRIMARY KEY("run_id","last_seq")
);
--> statement-breakpoint
CREATE TABLE "cache_entries" (
	"key" text COLLATE "C" PRIMARY KEY,
	"pipeline" text COLLATE "C" NOT NULL,
	"processor" text COLLATE "C" NOT NULL,
	"run_id" text COLLATE "C" NOT NULL,
	"created_ms" double precision NOT NULL,
	"result" bytea NOT NULL
);
--> statement-breakpoint
CREATE TABLE "catalogues" (
	"build" text COLLATE "C" PRIMARY KEY,
	"json" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "commands" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "commands_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"run_id" text COLLATE "C" NOT NULL,
	"kind" text COLLATE "C" NOT NULL,
	"message" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "executors" (
	"executor_id" text COLLATE "C" PRIMARY KEY,
	"launcher" text COLLATE "C" NOT NULL,
	"address" text COLLATE "C" NOT NULL,
	"token" text COLLATE "C" NOT NULL,
	"pid" integer NOT NULL,
	"pid_start" double precision NOT NULL,
	"version" text COLLATE "C" NOT NULL,
	"slots" integer NOT NULL,
	"environment_hash" text COLLATE "C" NOT NULL,
	"started_ms" double precision NOT NULL,
	"machine" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "file_links" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "file_links_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"hash" text COLLATE "C" NOT NULL,
	"run_id" text COLLATE "C" NOT NULL,
	"processor" text COLLATE "C" NOT NULL,
	"attempt" integer NOT NULL,
	"role" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"size" double precision NOT NULL,
	"folder" boolean NOT NULL,
	"media_type" text COLLATE "C" NOT NULL,
	"created_ms" double precision NOT NULL,
	"origin_run_id" text COLLATE "C" NOT NULL,
	"origin_attempt" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "file_stamps" (
	"path" text COLLATE "C" PRIMARY KEY,
	"size" double precision NOT NULL,
	"mtime_ns" text COLLATE "C" NOT NULL,
	"ctime_ns" text COLLATE "C" NOT NULL,
	"inode" text COLLATE "C" NOT NULL,
	"hash" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"kind" text COLLATE "C",
	"key" text COLLATE "C",
	"holder" text COLLATE "C",
	"epoch" integer NOT NULL,
	"run_id" text COLLATE "C" NOT NULL,
	"expires_ms" double precision NOT NULL,
	CONSTRAINT "leases_pkey" PRIMARY KEY("kind","key","holder")
);
--> statement-breakpoint
CREATE TABLE "log_chunks" (
	"run_id" text COLLATE "C",
	"processor" text COLLATE "C",
	"attempt" integer,
	"position" integer,
	"stream" integer NOT NULL,
	"byte_offset" double precision NOT NULL,
	"line" double precision NOT NULL,
	"line_feeds" integer NOT NULL,
	"unix_ms" double precision NOT NULL,
	"data" bytea NOT NULL,
	CONSTRAINT "log_chunks_pkey" PRIMARY KEY("run_id","processor","attempt","position")
);
--> statement-breakpoint
CREATE TABLE "managers" (
	"manager_id" text COLLATE "C" PRIMARY KEY,
	"kind" text COLLATE "C" NOT NULL,
	"pid" integer NOT NULL,
	"pid_start" double precision NOT NULL,
	"hostname" text COLLATE "C" NOT NULL,
	"started_ms" double precision NOT NULL,
	"heartbeat_ms" double precision NOT NULL,
	"expires_ms" double precision NOT NULL,
	"roles" text NOT NULL,
	"draining" boolean NOT NULL,
	"url" text COLLATE "C" NOT NULL,
	"runs" integer NOT NULL,
	"loads" text NOT NULL,
	"machine" text COLLATE "C" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "pipelines" (
	"name" text COLLATE "C",
	"version" integer,
	"spec_json" text COLLATE "C" NOT NULL,
	"source" text COLLATE "C" NOT NULL,
	"base_dir" text COLLATE "C" NOT NULL,
	"description" text COLLATE "C" NOT NULL,
	"labels" text NOT NULL,
	"processor_count" integer NOT NULL,
	"created_ms" double precision NOT NULL,
	"deleted_ms" double precision NOT NULL,
	CONSTRAINT "pipelines_pkey" PRIMARY KEY("name","version")
);
--> statement-breakpoint
CREATE TABLE "record_columns" (
	"table_name" text COLLATE "C",
	"place" integer,
	"name" text COLLATE "C" NOT NULL,
	"type" text COLLATE "C" NOT NULL,
	CONSTRAINT "record_columns_pkey" PRIMARY KEY("table_name","place")
);
--> statement-breakpoint
CREATE TABLE "record_sets" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "record_sets_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"table_name" text COLLATE "C" NOT NULL,
	"run_id" text COLLATE "C" NOT NULL,
	"pipeline" text COLLATE "C" NOT NULL,
	"processor" text COLLATE "C" NOT NULL,
	"recorded_ms" double precision NOT NULL,
	"row_count" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "records" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "records_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"set_id" bigint NOT NULL,
	"row" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "runs" (
	"run_id" text COLLATE "C" PRIMARY KEY,
	"pipeline" text COLLATE "C" NOT NULL,
	"version" integer NOT NULL,
	"state" integer NOT NULL,
	"reason" text COLLATE "C" NOT NULL,
	"message" text COLLATE "C" NOT NULL,
	"created_ms" double precision NOT NULL,
	"ended_ms" double precision NOT NULL,
	"labels" text NOT NULL,
	"params_json" text COLLATE "C" NOT NULL,
	"idle" integer NOT NULL,
	"running" integer NOT NULL,
	"failed" integer NOT NULL,
	"succeeded" integer NOT NULL,
	"warnings" text NOT NULL,
	"cancel_requested" boolean NOT NULL,
	"seq" integer NOT NULL,
	"epoch" integer NOT NULL,
	"manager_id" text COLLATE "C",
	"claim" text COLLATE "C" NOT NULL,
	"shard" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "terms" (
	"epoch" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "terms_epoch_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"manager_id" text COLLATE "C" NOT NULL,
	"started_ms" double precision NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tokens" (
	"token_id" text COLLATE "C" PRIMARY KEY,
	"name" text COLLATE "C" NOT NULL,
	"role" integer NOT NULL,
	"scopes" text NOT NULL,
	"hash" text COLLATE "C" NOT NULL,
	"created_by" text COLLATE "C" NOT NULL,
	"created_ms" double precision NOT NULL,
	"expires_ms" double precision NOT NULL,
	"revoked_ms" double precision NOT NULL,
	"last_used_ms" double precision NOT NULL
);
--> statement-breakpoint
CREATE TABLE "users" (
	"name" text COLLATE "C" PRIMARY KEY,
	"role" integer NOT NULL,
	"password_hash" text COLLATE "C" NOT NULL,
	"created_by" text COLLATE "C" NOT NULL,
	"created_ms" double precision NOT NULL,
	"password_ms" double precision NOT NULL
);
--> statement-breakpoint
CREATE INDEX "cache_entries_by_processor" ON "cache_entries" ("pipeline","processor","run_id","created_ms");--> statement-breakpoint
CREATE INDEX "cache_entries_by_run" ON "cache_entries" ("run_id");--> statement-breakpoint
CREATE INDEX "commands_by_run" ON "commands" ("run_id");--> statement-breakpoint
CREATE INDEX "file_links_by_hash" ON "file_links" ("hash","run_id");--> statement-breakpoint
CREATE INDEX "file_links_by_run" ON "file_links" ("run_id","processor");--> statement-breakpoint
CREATE INDEX "file_links_kept" ON "file_links" ("run_id") WHERE role = 'kept';--> statement-breakpoint
CREATE UNIQUE INDEX "leases_one_holder" ON "leases" ("kind","key") WHERE kind <> 'limit';--> statement-breakpoint
CREATE INDEX "leases_by_holder" ON "leases" ("holder");--> statement-breakpoint
CREATE INDEX "leases_by_run" ON "leases" ("run_id") WHERE kind = 'limit';--> statement-breakpoint
CREATE INDEX "record_sets_by_table" ON "record_sets" ("table_name");--> statement-breakpoint
CREATE INDEX "record_sets_by_run" ON "record_sets" ("run_id");--> statement-breakpoint
CREATE INDEX "records_by_set" ON "records" ("set_id");--> statement-breakpoint
CREATE INDEX "runs_by_state" ON "runs" ("state","run_id");--> statement-breakpoint
CREATE INDEX "runs_by_pipeline" ON "runs" ("pipeline","run_id");--> statement-breakpoint
CREATE INDEX "runs_by_manager" ON "runs" ("manager_id") WHERE manager_id IS NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "tokens_by_name" ON "tokens" ("name") WHERE revoked_ms = 0;