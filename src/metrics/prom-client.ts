import { FAMILIES, type FamilyHead } from './families.js'
import type { Metrics } from './metrics.js'
import type { MetricFamily, MetricsSnapshot } from './snapshot.js'

/** A `Registry` of prom-client. */
export interface PromRegistry {
  registerMetric(metric: never): void
  removeSingleMetric(name: string): void
}

/** One of our families as a registry of prom-client asks for it. */
interface PromMetric {
  readonly name: string
  get(): Promise<PromValues>
  reset(): void
}

interface PromValues {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly values: readonly {
    readonly labels: Record<string, string>
    readonly value: number
    readonly metricName?: string
  }[]
  readonly aggregator: 'sum' | 'max'
}

/**
 * Has a registry of prom-client show our families among its own, read anew at each scrape. @returns how to take them out
 *
 * @throws {Error} prom-client's own, where the registry has a family of the same name; then none is registered
 */
export function registerWithPromClient(metrics: Metrics, registry: PromRegistry): () => void {
  const read = onceATurn(() => metrics.snapshot())
  const added: string[] = []
  const remove = (): void => {
    for (const name of added.splice(0)) registry.removeSingleMetric(name)
  }
  try {
    for (const head of Object.values<FamilyHead>(FAMILIES)) {
      const metric = new Family(head, read)
      const { name } = metric
      registry.registerMetric(metric as never)
      added.push(name)
    }
  } catch (error) {
    remove()
    throw error
  }
  return remove
}

class Family implements PromMetric {
  /** Not readonly: a registry that writes OpenMetrics takes a counter's `_total` off. */
  name: string
  readonly help: string
  readonly type: PromValues['type']
  readonly #head: FamilyHead
  readonly #read: () => MetricsSnapshot

  constructor(head: FamilyHead, read: () => MetricsSnapshot) {
    const { name, type, help } = head
    this.name = type === 'counter' ? `${name}_total` : type === 'info' ? `${name}_info` : name
    this.help = help
    this.type = type === 'info' ? 'gauge' : type
    this.#head = head
    this.#read = read
  }

  get(): Promise<PromValues> {
    const family = this.#read().find(({ name }) => name === this.#head.name)
    const { name, help, type } = this
    return Promise.resolve({
      name,
      help,
      type,
      values: valuesOf(family, type),
      aggregator: this.#head.merge ?? 'sum',
    })
  }

  /** Counts belong to the objects that count. */
  reset(): void {}
}

function valuesOf(family: MetricFamily | undefined, type: PromValues['type']): PromValues['values'] {
  if (family === undefined) return []
  return family.samples.map(({ suffix, labels, value }) => ({
    labels: { ...labels },
    value,
    ...(type === 'histogram' && { metricName: `${family.name}${suffix}` }),
  }))
}

/** What `read` returns, read once for all who ask in the same turn. */
function onceATurn(read: () => MetricsSnapshot): () => MetricsSnapshot {
  let known: MetricsSnapshot | null = null
  return () => {
    if (known === null) {
      known = read()
      queueMicrotask(() => (known = null))
    }
    return known
  }
}
