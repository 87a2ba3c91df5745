/** Upper bounds of a duration's buckets where nobody says otherwise, in seconds. */
export const BUCKETS: readonly number[] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** Counts how often values fell into which bucket. Observing allocates nothing. */
export class Histogram {
  /** Upper bounds, rising; what is above the last one is counted as well. */
  readonly bounds: readonly number[]
  readonly #counts: Float64Array
  readonly #sum = new Float64Array(1)

  constructor(bounds: readonly number[] = BUCKETS) {
    this.bounds = bounds
    this.#counts = new Float64Array(bounds.length + 1)
  }

  observe(value: number): void {
    const { bounds } = this
    let at = 0
    while (at < bounds.length && value > bounds[at]!) at++
    this.#counts[at]!++
    this.#sum[0]! += value
  }

  get sum(): number {
    return this.#sum[0]!
  }

  /** How many values were at most each bound, then how many there were. */
  get cumulative(): readonly number[] {
    let total = 0
    return Array.from(this.#counts, (count) => (total += count))
  }
}
