import { Forwarder, type ForwarderOptions } from 'headrace'
import { collectMetrics, type Metrics, type MetricsOptions, type MetricsSnapshot } from 'headrace/metrics'
import { FakeClock, FakeUpstream } from 'headrace/testing'
import { afterEach } from 'vitest'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

/** Scripted upstreams behind a forwarder, and metrics of it. */
export function stage(
  { names = ['one', 'two'], ...options }: ForwarderOptions & { readonly names?: readonly string[] } = {},
  metricsOptions: MetricsOptions = {},
): {
  readonly clock: FakeClock
  readonly upstreams: Readonly<Record<string, FakeUpstream>>
  readonly forwarder: Forwarder
  readonly metrics: Metrics
  ask(name?: string): Promise<unknown>
} {
  const clock = new FakeClock()
  const upstreams = Object.fromEntries(names.map((name) => [name, new FakeUpstream(name, { after: 4 }, { clock })]))
  const given = { upstreams: Object.values(upstreams), strategy: 'failover' as const }
  const forwarder = new Forwarder({ health: false, clock, ...('pools' in options ? {} : given), ...options })
  const metrics = collectMetrics(forwarder, { clock, process: false, ...metricsOptions })
  cleanups.push(() => forwarder.destroy(), () => metrics.close()) // prettier-ignore
  const ask = (name = 'www.example'): Promise<unknown> =>
    clock.run(forwarder.query(name).catch((error: unknown) => error))
  return { clock, upstreams, forwarder, metrics, ask }
}

/** The value of one sample, by its name and labels as text such as `headrace_pool_up{pool="default"}`; undefined where there is none. */
export function valueOf(snapshot: MetricsSnapshot, wanted: string): number | undefined {
  for (const { name, samples } of snapshot) {
    for (const { suffix, labels, value } of samples) {
      const text = Object.entries(labels).map(([label, of]) => `${label}="${of}"`).join() // prettier-ignore
      if (`${name}${suffix}${text === '' ? '' : `{${text}}`}` === wanted) return value
    }
  }
  return undefined
}
