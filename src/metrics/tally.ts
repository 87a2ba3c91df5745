import { FAMILIES, type FamilyHead, type FamilyKey } from './families.js'
import type { Histogram } from './histogram.js'
import type { MetricFamily, MetricSample, MetricsSnapshot } from './snapshot.js'

type Labels = MetricSample['labels']

/** One family under way: samples by what tells them apart, so that those of the same labels become one. */
export class FamilyTally {
  readonly #head: FamilyHead
  readonly #merge: 'sum' | 'max'
  readonly #samples = new Map<string, { suffix: string; labels: Labels; value: number }>()

  constructor(head: FamilyHead, merge: 'sum' | 'max') {
    this.#head = head
    this.#merge = merge
  }

  add(suffix: string, labels: Labels, value: number): void {
    const key = keyOf(suffix, labels)
    const known = this.#samples.get(key)
    if (known === undefined) this.#samples.set(key, { suffix, labels, value })
    else known.value = this.#merge === 'max' ? Math.max(known.value, value) : known.value + value
  }

  get family(): MetricFamily {
    const { name, type, help, unit } = this.#head
    return { name, type, help, unit, samples: [...this.#samples.values()] }
  }
}

/** Collects values into a snapshot. */
export class Tally {
  readonly #families = new Map<FamilyKey, FamilyTally>()

  /** Adds a value to `family`; NaN, for what was never measured, is left out. */
  add(family: FamilyKey, labels: Labels, value: number): void {
    if (Number.isNaN(value)) return
    const { type } = FAMILIES[family]
    this.#of(family).add(type === 'counter' ? '_total' : type === 'info' ? '_info' : '', labels, value)
  }

  /** Adds each value of `counts` under the label `name`. */
  addEach(family: FamilyKey, labels: Labels, name: string, counts: Readonly<Record<string, number>>): void {
    for (const [value, count] of Object.entries(counts)) this.add(family, { ...labels, [name]: value }, count)
  }

  addHistogram(family: FamilyKey, labels: Labels, histogram: Histogram): void {
    const into = this.#of(family)
    const { bounds, cumulative, sum } = histogram
    for (const [i, count] of cumulative.entries())
      into.add('_bucket', { ...labels, le: i < bounds.length ? boundText(bounds[i]!) : '+Inf' }, count)
    into.add('_sum', labels, sum)
    into.add('_count', labels, cumulative.at(-1)!)
  }

  /** Families that have values, in the order of {@link FAMILIES}. */
  get snapshot(): MetricsSnapshot {
    const keys = Object.keys(FAMILIES) as FamilyKey[]
    return keys.flatMap((key) => this.#families.get(key)?.family ?? [])
  }

  #of(key: FamilyKey): FamilyTally {
    let family = this.#families.get(key)
    if (family === undefined) {
      const head: FamilyHead = FAMILIES[key]
      family = new FamilyTally(head, head.merge ?? 'sum')
      this.#families.set(key, family)
    }
    return family
  }
}

function keyOf(suffix: string, labels: Labels): string {
  return JSON.stringify([suffix, ...Object.entries(labels)])
}

/** A bound as OpenMetrics writes it: never a whole number without its point, so that series of different versions are one. */
function boundText(bound: number): string {
  return Number.isInteger(bound) ? bound.toFixed(1) : String(bound)
}
