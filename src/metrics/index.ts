export { collectMetrics, type Metrics, type MetricsOptions } from './metrics.js'
export { mergeSnapshots } from './merge.js'
export { contentTypeOf, exposition, formatFor, type ExpositionFormat, type ExpositionOptions } from './exposition.js'
export { registerWithPromClient, type PromRegistry } from './prom-client.js'
export {
  registerWithOpenTelemetry,
  type BatchResult,
  type InstrumentOptions,
  type OtelMeter,
} from './open-telemetry.js'
export type { DurationListener } from './watcher.js'
export type { Incident } from './incidents.js'
export type { MetricFamily, MetricSample, MetricsSnapshot } from './snapshot.js'
