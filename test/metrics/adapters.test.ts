import assert from 'node:assert/strict'
import {
  AggregationTemporality,
  DataPointType,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import { registerWithOpenTelemetry, registerWithPromClient } from 'headrace/metrics'
import { Counter, Registry } from 'prom-client'
import { describe, test } from 'vitest'
import { stage } from './stage.js'

describe('registerWithPromClient', () => {
  test('shows our families among those of a registry, anew at each scrape', async () => {
    const { metrics, ask } = stage()
    const registry = new Registry()
    new Counter({ name: 'app_things_total', help: 'Things.', registers: [registry] }).inc()
    registerWithPromClient(metrics, registry)
    await ask()
    assert.match(await registry.metrics(), /^headrace_upstream_queries_total\{upstream="one",status="noerror"\} 1$/m)
    await ask()
    const text = await registry.metrics()
    assert.match(text, /^app_things_total 1$/m)
    assert.match(text, /^# TYPE headrace_upstream_queries_total counter$/m)
    assert.match(text, /^headrace_upstream_queries_total\{upstream="one",status="noerror"\} 2$/m)
    assert.match(text, /^headrace_upstream_duration_seconds_bucket\{upstream="one",le="0.005"\} 2$/m)
    assert.match(text, /^headrace_upstream_duration_seconds_count\{upstream="one"\} 2$/m)
    assert.match(text, /^headrace_pool_info\{pool="default",strategy="failover",priority="1"\} 1$/m)
  })

  test('writes OpenMetrics where the registry does, with each _total once', async () => {
    const { metrics, ask } = stage()
    const registry = new Registry()
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE as never)
    registerWithPromClient(metrics, registry)
    await ask()
    for (let i = 0; i < 2; i++) {
      const text = await registry.metrics()
      assert.match(text, /^# TYPE headrace_upstream_queries counter$/m)
      assert.match(text, /^headrace_upstream_queries_total\{upstream="one",status="noerror"\} 1$/m)
      assert.doesNotMatch(text, /_total_total/)
    }
  })

  test('takes them out again', async () => {
    const { metrics } = stage()
    const registry = new Registry()
    registerWithPromClient(metrics, registry)()
    assert.equal((await registry.metrics()).trim(), '')
  })

  test('takes none in where one of the names is taken', async () => {
    const { metrics } = stage()
    const registry = new Registry()
    new Counter({ name: 'headrace_upstream_late_total', help: 'Mine.', registers: [registry] })
    assert.throws(() => registerWithPromClient(metrics, registry), /already been registered/)
    assert.equal(registry.getMetricsAsArray().length, 1)
  })
})

describe('registerWithOpenTelemetry', () => {
  test('observes counters and gauges, and records durations', async () => {
    const { metrics, ask } = stage()
    await ask()
    const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 1 << 30 })
    const provider = new MeterProvider({ readers: [reader] })
    const stop = registerWithOpenTelemetry(metrics, provider.getMeter('headrace'))
    await ask()
    await reader.forceFlush()
    const metricsNow = () => exporter.getMetrics().at(-1)!.scopeMetrics[0]!.metrics
    const all = metricsNow()
    const points = (name: string, attributes: Record<string, string>) => {
      const found = metricsNow().find(({ descriptor }) => descriptor.name === name)
      const wanted = JSON.stringify(attributes)
      return found?.dataPoints.find((point) => JSON.stringify(point.attributes) === wanted)?.value
    }
    assert.equal(points('headrace.upstream.queries', { upstream: 'one', status: 'noerror' }), 2)
    assert.equal(points('headrace.upstream.up', { upstream: 'one' }), 1)
    const histogram = all.find(({ descriptor }) => descriptor.name === 'headrace.upstream.duration')!
    assert.equal(histogram.dataPointType, DataPointType.HISTOGRAM)
    assert.equal(histogram.descriptor.unit, 's')
    const { buckets, count } = histogram.dataPoints[0]!.value as unknown as { buckets: { boundaries: number[]; counts: number[] }; count: number } // prettier-ignore
    // Recorded from the registration on: the first query is not among it.
    assert.deepEqual([count, buckets.boundaries.slice(0, 3), buckets.counts.slice(0, 4)], [1, [0.001, 0.0025, 0.005], [0, 0, 1, 0]]) // prettier-ignore
    stop()
    await ask()
    await reader.forceFlush()
    // The SDK goes on showing what it saw last.
    assert.equal(points('headrace.upstream.queries', { upstream: 'one', status: 'noerror' }), 2)
    await provider.shutdown()
  })
})
