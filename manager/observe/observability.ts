import type { ContextValues } from '@connectrpc/connect';
import { newId } from '../../proto/ids.ts';
import { openSpans } from '../../proto/spans.ts';
import { WIZ_VERSION } from '../../proto/version.ts';
import type { DaemonConfig } from '../config/config.ts';
import type { Manager } from '../manager.ts';
import { type CallObserver, createCallObserver } from './call-observer.ts';
import { type Log, type LogFields, openDaemonLog } from './log.ts';
import { createMeter, type Meter } from './meter.ts';
import { type Observer, observers } from './observer.ts';
import { createPages } from './pages.ts';
import { createRunLog } from './run-log.ts';
import { createRunMetrics } from './run-metrics.ts';
import { createRunSpans } from './run-spans.ts';
import { addStandingMetrics } from './standing-metrics.ts';

/** All that a daemon lets others see of itself; made before everything else, and closed after it. */
export interface Observability {
  /** Of the manager that is to be made: it is on every line. */
  readonly managerId: string;
  readonly log: Log;
  readonly meter: Meter;
  /** For the manager. */
  readonly observer: Observer;
  /** For the API. */
  readonly interceptor: CallObserver['interceptor'];
  readonly gate: CallObserver['gate'];
  /** What local executors are told: they send to the same collector. */
  readonly environment: NodeJS.ProcessEnv;
  /** Its pages, once there is a manager. */
  pages(manager: Manager): ReturnType<typeof createPages>;
  /** From here on it is not ready. */
  draining(): void;
  close(): Promise<void>;
}

export interface ObservabilityOptions {
  config: Pick<DaemonConfig, 'log' | 'tracing' | 'metrics'>;
  environment: NodeJS.ProcessEnv;
  /** Who calls, from what the server and authentication have found out. */
  caller?: (values: ContextValues) => LogFields;
}

/** Milliseconds that a daemon waits at its end for a collector. */
const CLOSE_MS = 5000;

export async function openObservability(options: ObservabilityOptions): Promise<Observability> {
  const { config, environment, caller } = options;
  const managerId = newId();
  const { log: bare, close: closeLog } = await openDaemonLog(config.log.level);
  const log = bare.with({ manager: managerId });
  const meter = createMeter({ withProcess: true });
  const spans = await openSpans({
    service: 'wiz-manager',
    attributes: { 'service.instance.id': managerId },
    environment,
    endpoint: config.tracing.endpoint,
    closeMs: CLOSE_MS,
    failing: (error) =>
      error === undefined ? log.info('spans are taken again') : log.warn('spans are not taken', { error }),
  });
  const all = [createRunMetrics(meter), createRunLog(log, { attempts: config.log.level === 'debug' })];
  if (spans !== undefined) all.push(createRunSpans(spans));
  let isDraining = false;
  return {
    managerId,
    log,
    meter,
    observer: { ...observers(...all), meter },
    ...createCallObserver({ log, meter, spans, caller }),
    environment:
      config.tracing.endpoint === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: config.tracing.endpoint },
    pages(manager) {
      addStandingMetrics(meter, manager);
      const { store } = manager;
      const { anonymous: anonymousMetrics } = config.metrics;
      return createPages({
        meter,
        anonymousMetrics,
        store,
        managerId,
        log,
        draining: () => isDraining,
        stuck: manager.stuck,
      });
    },
    draining() {
      isDraining = true;
    },
    async close() {
      await spans?.close();
      await closeLog();
    },
  };
}

/** Fields of the line that says what began. */
export function startFields(config: DaemonConfig): LogFields {
  return { version: WIZ_VERSION, pid: process.pid, store: config.store, files: config.files };
}
