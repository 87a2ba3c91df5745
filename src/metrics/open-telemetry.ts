import { FAMILIES, type FamilyHead } from './families.js'
import type { Metrics } from './metrics.js'
import type { MetricSample } from './snapshot.js'

/** What a `Meter` of OpenTelemetry does for us. */
export interface OtelMeter {
  createObservableCounter(name: string, options: InstrumentOptions): object
  createObservableGauge(name: string, options: InstrumentOptions): object
  createHistogram(
    name: string,
    options: InstrumentOptions,
  ): { record(value: number, attributes: MetricSample['labels']): void }
  addBatchObservableCallback(callback: (result: BatchResult) => void, observables: never): void
  removeBatchObservableCallback(callback: (result: BatchResult) => void, observables: never): void
}

/** What an instrument is made with. */
export interface InstrumentOptions {
  readonly description: string
  readonly unit: string
  readonly advice?: { readonly explicitBucketBoundaries: number[] }
}

/** What a callback of a meter is given. */
export interface BatchResult {
  observe(instrument: object, value: number, attributes: MetricSample['labels']): void
}

/** Units as UCUM has them. */
const UNITS: Readonly<Record<string, string>> = { seconds: 's', bytes: 'By' }

/**
 * Has a meter of OpenTelemetry observe our families, with dots in their names and without units: `headrace.upstream.queries`.
 * Infos are gauges of 1. A meter has no histogram that could be observed, so durations are recorded one by one, from now
 * on. @returns how to end that
 */
export function registerWithOpenTelemetry(metrics: Metrics, meter: OtelMeter): () => void {
  const observed = new Map<string, object>()
  for (const head of Object.values<FamilyHead>(FAMILIES)) {
    if (head.type === 'histogram') continue
    const name = nameOf(head)
    const options = optionsOf(head)
    const made =
      head.type === 'counter'
        ? meter.createObservableCounter(name, options)
        : meter.createObservableGauge(name, options)
    observed.set(head.name, made)
  }
  const observe = (result: BatchResult): void => {
    for (const { name, samples } of metrics.snapshot()) {
      const instrument = observed.get(name)
      if (instrument !== undefined) for (const { labels, value } of samples) result.observe(instrument, value, labels)
    }
  }
  const observables = [...observed.values()] as never
  meter.addBatchObservableCallback(observe, observables)
  const unwatch = recordDurations(metrics, meter)
  return () => {
    meter.removeBatchObservableCallback(observe, observables)
    unwatch()
  }
}

function recordDurations(metrics: Metrics, meter: OtelMeter): () => void {
  const create = (head: FamilyHead) =>
    meter.createHistogram(nameOf(head), {
      ...optionsOf(head),
      advice: { explicitBucketBoundaries: [...metrics.buckets] },
    })
  const histograms = { upstream: create(FAMILIES.duration), forwarder: create(FAMILIES.forwarderDuration) }
  return metrics.watchDurations((of, upstream, seconds) =>
    histograms[of].record(seconds, of === 'upstream' ? { upstream } : {}),
  )
}

function nameOf({ name, type, unit }: FamilyHead): string {
  const bare = unit === null ? name : name.slice(0, -unit.length - 1)
  return `${bare}${type === 'info' ? '_info' : ''}`.replaceAll('_', '.')
}

function optionsOf({ help, unit }: FamilyHead): InstrumentOptions {
  return { description: help, unit: unit === null ? '' : UNITS[unit]! }
}
