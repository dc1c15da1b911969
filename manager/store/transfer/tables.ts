/**
 * What a backup or a copy of a store takes with it: tables and columns as both kinds of stores have them. A test looks that
 * every table and column of their schemas is decided on, here or in LEFT_OUT.
 */

/** `json` is a value of records, which each kind keeps in its own binary form; it travels as its text. */
export type ColumnKind = 'text' | 'integer' | 'real' | 'boolean' | 'bytes' | 'json';

export interface Table {
  name: string;
  columns: Record<string, ColumnKind>;
  /** What they are read by, so that two stores with the same rows are the same to the byte. */
  order: string[];
  /** Only these. */
  where?: string;
  /** Columns that mean something in their own store only, and what stands for them elsewhere. */
  constant?: Record<string, string | number>;
  /** A column that the store counts up by itself. */
  counted?: string;
}

/** In this order: what runs are of is there before their journal. */
export const TABLES: Table[] = [
  {
    name: 'pipelines',
    columns: {
      name: 'text',
      version: 'integer',
      spec_json: 'text',
      source: 'text',
      base_dir: 'text',
      description: 'text',
      labels: 'text',
      processor_count: 'integer',
      created_ms: 'real',
      deleted_ms: 'real',
    },
    order: ['name', 'version'],
  },
  {
    name: 'runs',
    columns: {
      run_id: 'text',
      pipeline: 'text',
      version: 'integer',
      state: 'integer',
      reason: 'text',
      message: 'text',
      created_ms: 'real',
      ended_ms: 'real',
      labels: 'text',
      params_json: 'text',
      idle: 'integer',
      running: 'integer',
      failed: 'integer',
      succeeded: 'integer',
      warnings: 'text',
      cancel_requested: 'boolean',
      seq: 'integer',
      epoch: 'integer',
      shard: 'integer',
    },
    order: ['run_id'],
  },
  {
    name: 'batches',
    columns: { run_id: 'text', last_seq: 'integer', first_seq: 'integer', events: 'bytes' },
    order: ['run_id', 'last_seq'],
  },
  {
    // Limits are held for runs, and the runs go on. All else is held by somebody who stays behind.
    name: 'leases',
    columns: {
      kind: 'text',
      key: 'text',
      holder: 'text',
      epoch: 'integer',
      run_id: 'text',
      expires_ms: 'real',
    },
    order: ['kind', 'key', 'holder'],
    where: "kind = 'limit'",
  },
  {
    // No epoch may be given out twice.
    name: 'terms',
    columns: { epoch: 'integer', manager_id: 'text', started_ms: 'real' },
    order: ['epoch'],
    counted: 'epoch',
  },
  {
    name: 'cache_entries',
    columns: {
      key: 'text',
      pipeline: 'text',
      processor: 'text',
      run_id: 'text',
      created_ms: 'real',
      result: 'bytes',
    },
    order: ['key'],
  },
  {
    name: 'file_stamps',
    columns: {
      path: 'text',
      size: 'real',
      mtime_ns: 'text',
      ctime_ns: 'text',
      inode: 'text',
      hash: 'text',
    },
    order: ['path'],
  },
  {
    name: 'file_links',
    columns: {
      id: 'integer',
      hash: 'text',
      run_id: 'text',
      processor: 'text',
      attempt: 'integer',
      role: 'text',
      name: 'text',
      size: 'real',
      folder: 'boolean',
      media_type: 'text',
      created_ms: 'real',
      origin_run_id: 'text',
      origin_attempt: 'integer',
    },
    order: ['id'],
    counted: 'id',
  },
  {
    name: 'record_sets',
    columns: {
      id: 'integer',
      table_name: 'text',
      run_id: 'text',
      pipeline: 'text',
      processor: 'text',
      recorded_ms: 'real',
      row_count: 'integer',
    },
    order: ['id'],
    counted: 'id',
  },
  {
    name: 'record_columns',
    columns: { table_name: 'text', place: 'integer', name: 'text', type: 'text' },
    order: ['table_name', 'place'],
  },
  {
    name: 'records',
    columns: { id: 'integer', set_id: 'integer', row: 'json' },
    order: ['id'],
    counted: 'id',
  },
  { name: 'catalogues', columns: { build: 'text', json: 'text' }, order: ['build'] },
  {
    // Local ones are processes of a machine, which their managers know.
    name: 'executors',
    columns: {
      executor_id: 'text',
      launcher: 'text',
      address: 'text',
      token: 'text',
      pid: 'integer',
      pid_start: 'real',
      version: 'text',
      slots: 'integer',
      environment_hash: 'text',
      started_ms: 'real',
      machine: 'text',
      hostname: 'text',
      tls: 'text',
      name: 'text',
      labels: 'text',
      draining_ms: 'real',
    },
    order: ['executor_id'],
    where: "launcher = 'registered'",
  },
  {
    name: 'tokens',
    columns: {
      token_id: 'text',
      name: 'text',
      role: 'integer',
      scopes: 'text',
      hash: 'text',
      created_by: 'text',
      created_ms: 'real',
      expires_ms: 'real',
      revoked_ms: 'real',
      last_used_ms: 'real',
    },
    order: ['token_id'],
  },
  {
    name: 'users',
    columns: {
      name: 'text',
      role: 'integer',
      password_hash: 'text',
      created_by: 'text',
      created_ms: 'real',
      password_ms: 'real',
    },
    order: ['name'],
  },
  {
    name: 'audit',
    columns: {
      entry_id: 'text',
      at_ms: 'real',
      actor: 'text',
      kind: 'text',
      credential: 'text',
      method: 'text',
      target: 'text',
      outcome: 'text',
      peer: 'text',
      manager_id: 'text',
      trace_id: 'text',
      calls: 'integer',
    },
    order: ['entry_id'],
  },
  {
    name: 'deliveries',
    columns: {
      delivery_id: 'text',
      hook_key: 'text',
      run_id: 'text',
      pipeline: 'text',
      event: 'text',
      processor: 'text',
      created_ms: 'real',
      target: 'text',
      body: 'text',
      timeout_ms: 'real',
      state: 'text',
      tries: 'integer',
      tries_before: 'integer',
      next_ms: 'real',
      ended_ms: 'real',
      error: 'text',
      holder: 'text',
      held_until_ms: 'real',
    },
    order: ['delivery_id'],
    // The manager that tries it is not there.
    constant: { holder: '', held_until_ms: 0 },
  },
  {
    name: 'delivery_tries',
    columns: {
      delivery_id: 'text',
      attempt: 'integer',
      started_ms: 'real',
      duration_ms: 'real',
      status: 'integer',
      error: 'text',
      output: 'text',
    },
    order: ['delivery_id', 'attempt'],
  },
  {
    name: 'disabled_hooks',
    columns: { hook_key: 'text', disabled_ms: 'real' },
    order: ['hook_key'],
  },
  {
    name: 'schedules',
    columns: {
      pipeline: 'text',
      name: 'text',
      version: 'integer',
      definition: 'text',
      time_zone: 'text',
      paused: 'boolean',
      paused_by_file: 'boolean',
      next_ms: 'real',
      waiting: 'text',
      last_ms: 'real',
      last_run_id: 'text',
      last_outcome: 'text',
      revision: 'integer',
    },
    order: ['pipeline', 'name'],
  },
];

/** Logs as both kinds of stores tell them: what a program wrote, chunk by chunk, in the order it came in each attempt. How
 *  each keeps them is its own: files beside SQLite, `log_chunks` in PostgreSQL. */
export const LOGS: Table = {
  name: 'logs',
  columns: {
    run_id: 'text',
    processor: 'text',
    attempt: 'integer',
    stream: 'integer',
    byte_offset: 'real',
    line: 'real',
    unix_ms: 'real',
    data: 'bytes',
  },
  order: ['run_id', 'processor', 'attempt', 'position'],
};

export const ALL: Table[] = [...TABLES, LOGS];

/** Tables, and columns as TABLE.COLUMN, that stay behind, and why. */
export const LEFT_OUT: Record<string, string> = {
  managers: 'who works on the store it comes from does not work on the other one',
  commands: 'asked of a manager that is not there; whoever asked asks again',
  'runs.manager_id': 'runs that go on are owned by nobody, and the next manager takes them',
  'runs.claim': 'of the owner that stays behind',
  log_chunks: 'as LOGS',
};
