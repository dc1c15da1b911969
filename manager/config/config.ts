import type { SectionConfigs } from './schema.ts';

/**
 * What a daemon is told, from its file (wiz.yaml), the environment and flags, the later winning: complete, checked, and in
 * the units that the code uses. Sections are added in schema.ts.
 */
export type DaemonConfig = BaseConfig & SectionConfigs;

export interface BaseConfig {
  /** Folder of what this manager alone keeps. */
  home: string;
  listen: { host: string; port: number };
  /** PEM files. Undefined: clear text. */
  tls: { certificate: string; key: string; clientAuthority?: string } | undefined;
  /** Something in front has TLS: clear text may be served off loopback. */
  behindProxy: boolean;
  /** Origins whose pages may call, beside its own. */
  origins: string[];
  /** sqlite:/path or postgres://… */
  store: string;
  /** folder:/path or s3://… */
  files: string;
  /** api: answers callers. runs: owns runs and has executors. */
  roles: ('api' | 'runs')[];
  /** Executors that this manager starts on its own machine; undefined is none. */
  localExecutors: { slots: number | undefined } | undefined;
  /** Most attempts at once over all managers of the store; undefined is no limit. */
  maxRunning: number | undefined;
  retention: { keepRuns: number; keepDays: number };
  log: { level: 'debug' | 'info' | 'warn' | 'error' };
}
