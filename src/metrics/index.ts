export type { MetricFamily, MetricSample, MetricsSnapshot } from './snapshot.js'
