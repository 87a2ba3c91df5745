/** What trips a {@link SampleWindow}. */
export interface WindowPolicy {
  /** Samples that are kept. */
  readonly sampleSize: number
  /** Samples without which nothing trips. */
  readonly minSampleCount: number
  /** The share of failures that trips, in percent of what the window holds. */
  readonly threshold: number
}

/** How the last queries of one member ended: the evidence of the lazy check. */
export class SampleWindow {
  readonly #policy: WindowPolicy
  readonly #ring: Uint8Array
  #at = 0
  #samples = 0
  #failed = 0

  constructor(policy: WindowPolicy) {
    this.#policy = policy
    this.#ring = new Uint8Array(policy.sampleSize)
  }

  /** Samples that it holds. */
  get samples(): number {
    return this.#samples
  }

  /** Failures among {@link samples}. */
  get failed(): number {
    return this.#failed
  }

  /** Adds a sample, in the place of the oldest when it is full. @returns whether the window trips */
  add(failed: boolean): boolean {
    const ring = this.#ring
    const { sampleSize, minSampleCount, threshold } = this.#policy
    if (this.#samples === sampleSize) this.#failed -= ring[this.#at]!
    else this.#samples++
    const failure = failed ? 1 : 0
    ring[this.#at] = failure
    this.#failed += failure
    if (++this.#at === sampleSize) this.#at = 0
    return this.#samples >= minSampleCount && 100 * this.#failed >= threshold * this.#samples
  }

  clear(): void {
    this.#at = this.#samples = this.#failed = 0
  }
}
