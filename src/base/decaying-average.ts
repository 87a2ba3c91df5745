/**
 * An average whose older samples fade with time and with every newer sample, so that one outlier an hour ago says
 * nothing now. All times in ms.
 */
export class DecayingAverage {
  readonly #halfLife: number
  readonly #gain: number
  #value = NaN
  #at = 0

  /**
   * @param halfLife after this long without samples, the next one counts half at least
   * @param gain the least that a new sample counts, in (0, 1]; RFC 6298 uses 1/8 for round-trip times
   */
  constructor(halfLife: number, gain = 1 / 8) {
    this.#halfLife = halfLife
    this.#gain = gain
  }

  /** NaN until the first sample. */
  get value(): number {
    return this.#value
  }

  /** Takes in one sample at clock time `now`. */
  add(sample: number, now: number): void {
    if (Number.isNaN(this.#value)) this.#value = sample
    else {
      const idle = now - this.#at
      // Below a hundredth of the half-life the fade is under 0.7 %, less than any gain: not worth an exp2.
      const fade = idle * 100 < this.#halfLife ? 0 : 1 - 2 ** (-idle / this.#halfLife)
      this.#value += (sample - this.#value) * Math.max(this.#gain, fade)
    }
    this.#at = now
  }

  /** Forgets everything before `sample`. */
  reset(sample: number, now: number): void {
    this.#value = sample
    this.#at = now
  }
}
