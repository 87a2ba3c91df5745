/** One value of a metric. */
export interface MetricSample {
  /** What comes behind the family's name, such as `_total`, `_bucket`, `_sum`, `_count`, or ''. */
  readonly suffix: string
  /** In the order in which they are written. */
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** One metric with all its values. */
export interface MetricFamily {
  /** With the prefix `headrace_`, without a counter's `_total`. */
  readonly name: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'info'
  readonly help: string
  readonly unit: 'seconds' | 'bytes' | null
  readonly samples: readonly MetricSample[]
}

/** Everything that is measured, at one moment: plain data, which may be sent from one process to another. */
export type MetricsSnapshot = readonly MetricFamily[]
