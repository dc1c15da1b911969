import { z } from 'zod';
import { setting } from './setting.ts';

/** What a daemon lets others see of itself; docs/observability.md. */

export const tracing = z
  .strictObject({
    endpoint: setting(z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }), {})
      .meta({
        description:
          'Collector of traces, OTLP over HTTP; /v1/traces is added. By default OTEL_EXPORTER_OTLP_ENDPOINT, and without that no traces are made.',
        examples: ['http://127.0.0.1:4318'],
      })
      .optional(),
  })
  .meta({ description: 'Traces; sampling and headers are read from the standard OTEL_ variables.' })
  .prefault({});

export const metrics = z
  .strictObject({
    anonymous: setting(z.boolean(), { environment: 'WIZ_METRICS_ANONYMOUS' })
      .meta({ description: 'Whoever can reach the port may read /metrics, without a credential.' })
      .default(false),
  })
  .meta({ description: 'Metrics for Prometheus, at /metrics.' })
  .prefault({});
