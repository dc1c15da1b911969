/**
 * What happened, one line for each, for whoever runs managers and executors: an object of JSON with `time`, `level`, `msg`
 * and the fields below; the same in both, so that one query finds a run in all of them. docs/observability.md has the list.
 */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface LogFields {
  manager?: string | undefined;
  executor?: string | undefined;
  run?: string | undefined;
  pipeline?: string | undefined;
  /** A processor, or an instance `NAME[INDEX]`. */
  processor?: string | undefined;
  attempt?: number | undefined;
  traceId?: string | undefined;
  spanId?: string | undefined;
  /** Of the API: `RunService/StartRun`. */
  method?: string | undefined;
  code?: string | undefined;
  durationMs?: number | undefined;
  /** Written as its message, and those of its causes. */
  error?: unknown;
  [name: string]: unknown;
}

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log, with these fields on every line. */
  with(fields: LogFields): Log;
}

/** A log that hands each line, its fields clean, to `write`. */
export function createLog(
  least: LogLevel,
  write: (level: LogLevel, message: string, fields: LogFields) => void,
  bound: LogFields = {},
): Log {
  const at = (level: LogLevel) =>
    LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(least)
      ? () => {}
      : (message: string, fields?: LogFields) =>
          write(level, withoutSecrets(message), { ...bound, ...cleanFields(fields) });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => createLog(least, write, { ...bound, ...cleanFields(fields) }),
  };
}

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  with: () => silentLog,
};

/** As one line of JSON. */
export function jsonLine(level: LogLevel, message: string, fields: LogFields, time = new Date()): string {
  return `${JSON.stringify({ time: time.toISOString(), level, ...fields, msg: message })}\n`;
}

/** For people at a terminal: `12:30:05.123 warn  what happened  run=… executor=…`. */
export function plainLine(level: LogLevel, message: string, fields: LogFields, time = new Date()): string {
  const rest = Object.entries(fields).map(([name, value]) => `  ${name}=${plainValue(value)}`);
  return `${time.toISOString().slice(11, 23)} ${level.padEnd(5)} ${message}${rest.join('')}\n`;
}

function plainValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /[\s"=]/.test(text) ? JSON.stringify(text) : text;
}

/** Names of fields that are never written, wherever they came from. */
const SECRET_NAME = /^(authorization|proxy-authorization|cookie|set-cookie|token|password|secret)$/i;

/** Fields that are there, without what nobody may read. */
function cleanFields(fields: LogFields | undefined): LogFields {
  const clean: LogFields = {};
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) continue;
    if (SECRET_NAME.test(name)) clean[name] = HIDDEN;
    else if (name === 'error') clean[name] = withoutSecrets(errorText(value));
    else clean[name] = typeof value === 'string' ? withoutSecrets(value) : value;
  }
  return clean;
}

const HIDDEN = '[hidden]';

/** An error with its causes, as one line. */
export function errorText(error: unknown): string {
  const told: string[] = [];
  for (let at = error; at !== undefined && at !== null && told.length < 5; ) {
    const text = at instanceof Error ? at.message : String(at);
    if (!told.includes(text)) told.push(text);
    at = at instanceof Error ? at.cause : undefined;
  }
  return told.join(': ');
}

/** A text without passwords in URLs and without what follows `Bearer` and `Basic`. */
export function withoutSecrets(text: string): string {
  let clean = text;
  if (clean.includes('://')) {
    clean = clean.replaceAll(/([a-z][a-z\d+.-]*:\/\/[^\s/?#:@]*):[^\s/?#]*@/gi, `$1:${HIDDEN}@`);
  }
  clean = clean.replaceAll(/\b([Bb]earer\s+)[\w.~+/=-]{8,}/g, `$1${HIDDEN}`);
  // With a sign that it is base64 and no word.
  return clean.replaceAll(/\b([Bb]asic\s+)(?=[a-z+/]*[A-Z\d=])[\w+/=-]{4,}/g, `$1${HIDDEN}`);
}
