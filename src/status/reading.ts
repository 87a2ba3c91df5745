import type { MetricSample, MetricsSnapshot } from '../metrics/snapshot.js'

type Labels = MetricSample['labels']

/** One snapshot, looked things up in. */
export class Reading {
  readonly #samples = new Map<string, readonly MetricSample[]>()

  constructor(snapshot: MetricsSnapshot) {
    for (const { name, samples } of snapshot) this.#samples.set(name, samples)
  }

  /** Whether there is such a family; names are without `headrace_`. */
  has(family: string): boolean {
    return this.#samples.has(`headrace_${family}`)
  }

  /** Samples of `family` that have all of these labels. */
  samples(family: string, labels: Labels = {}): readonly MetricSample[] {
    const all = this.#samples.get(`headrace_${family}`) ?? []
    const wanted = Object.entries(labels)
    return wanted.length === 0 ? all : all.filter((sample) => wanted.every(([name, is]) => sample.labels[name] === is))
  }

  /** The sum of those samples; NaN where there is none. */
  value(family: string, labels: Labels = {}): number {
    const found = this.samples(family, labels)
    return found.length === 0 ? NaN : found.reduce((sum, { value }) => sum + value, 0)
  }

  /** The same, and 0 where there is none. */
  count(family: string, labels: Labels = {}): number {
    return this.value(family, labels) || 0
  }

  /** Values of `family` by what the label `name` says. */
  by(family: string, name: string, labels: Labels = {}): Readonly<Record<string, number>> {
    // A label may be called __proto__.
    return Object.fromEntries(this.samples(family, labels).map((sample) => [sample.labels[name] ?? '', sample.value]))
  }
}
