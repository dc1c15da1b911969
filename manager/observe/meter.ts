import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { inTime } from './in-time.ts';

/**
 * Metrics of one manager, as Prometheus reads them. Names follow its conventions: `wiz_`, base units, counters end in
 * `_total`; labels have few values, which are known beforehand or bounded.
 */
export interface Meter {
  counter<Label extends string = never>(name: string, help: string, labels?: Label[]): Tally<Label>;
  histogram<Label extends string = never>(
    name: string,
    help: string,
    options: { buckets: number[]; labels?: Label[] },
  ): Distribution<Label>;
  /** A value that is looked up when somebody asks. What throws, or does not answer in time, is left out. */
  gauge<Label extends string = never>(
    name: string,
    help: string,
    look: () => Sample<Label>[] | Promise<Sample<Label>[]>,
    labels?: Label[],
  ): void;
  /** All of it, in the format that an Accept header asks for. */
  exposition(accept: string | undefined): Promise<{ type: string; text: string }>;
}

export interface Tally<Label extends string> {
  add(labels?: Record<Label, string>, by?: number): void;
}

export interface Distribution<Label extends string> {
  observe(value: number, labels?: Record<Label, string>): void;
}

export interface Sample<Label extends string> {
  value: number;
  labels?: Record<Label, string>;
}

/** Milliseconds that one gauge may take: a store that does not answer must not hold up the others. */
const LOOK_MS = 1000;

export function createMeter({ withProcess }: { withProcess: boolean }): Meter {
  const registry = new Registry();
  const registers = [registry];
  if (withProcess) addProcess(registry);

  return {
    counter(name, help, labels = []) {
      const counter = new Counter({ name, help, labelNames: labels, registers });
      return { add: (of, by = 1) => (of === undefined ? counter.inc(by) : counter.inc(of, by)) };
    },
    histogram(name, help, { buckets, labels = [] }) {
      const histogram = new Histogram({ name, help, buckets, labelNames: labels, registers });
      return {
        observe: (value, of) => (of === undefined ? histogram.observe(value) : histogram.observe(of, value)),
      };
    },
    gauge(name, help, look, labels = []) {
      const gauge = new Gauge<string>({
        name,
        help,
        labelNames: labels,
        registers,
        async collect() {
          const samples = await inTime(LOOK_MS, 'it took too long', look).catch(() => []);
          gauge.reset();
          // Without labels there is one value always; nothing found out is no value.
          if (samples.length === 0 && labels.length === 0) gauge.remove();
          for (const { value, labels: of = {} } of samples) gauge.set(of, value);
        },
      });
    },
    async exposition(accept) {
      const text = await registry.metrics();
      if (!accept?.includes('application/openmetrics-text')) {
        return { type: Registry.PROMETHEUS_CONTENT_TYPE, text };
      }
      return { type: Registry.OPENMETRICS_CONTENT_TYPE, text: openMetrics(text) };
    },
  };
}

/** Gauges of prom-client whose names end as those of counters must. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
];

function addProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
}

/** The same in OpenMetrics: a counter's family is named without `_total`, no empty lines, an end. prom-client's own way
 *  renames the metrics for good, so that the next one who asks for the other format gets wrong names. */
function openMetrics(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '');
  const families = lines.map((line) => line.replace(/^(# (?:HELP|TYPE) \w+)_total(?= )/, '$1'));
  return `${families.join('\n')}\n# EOF\n`;
}
