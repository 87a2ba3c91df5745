import { DecayingAverage } from '../base/decaying-average.js'

/** Samples that the 95th percentile looks back on. */
const WINDOW = 200
/** Samples after which the percentile is worked out anew. */
const STALE = 20
/** After this long without samples, in ms, the next one counts half at least. */
const HALF_LIFE = 60_000
/** The retransmission timeout before the first sample, in ms; unbound starts at 376. */
const UNMEASURED_RTO = 300
/** No attempt is late before this, in ms. */
const MIN_RTO = 100

/**
 * How long one member takes, over attempts of that member alone. All times in ms.
 *
 * A failure or a lost race says only that the reply would have taken longer: such samples move the average up, never
 * down. The first reply after failures starts it afresh, so that one bad minute is not paid off over hundreds of
 * queries.
 */
export class RoundTrips {
  readonly #srtt = new DecayingAverage(HALF_LIFE)
  #rttvar = 0
  #failing = false
  readonly #recent = new Float32Array(WINDOW)
  #count = 0
  #p95 = NaN
  #p95At = -STALE

  /** Smoothed round-trip time; NaN until the first sample. */
  get srtt(): number {
    return this.#srtt.value
  }

  /** Mean deviation (RFC 6298, section 2). */
  get rttvar(): number {
    return this.#rttvar
  }

  /** What 95 % of the last 200 stayed under; NaN until the first. */
  get p95(): number {
    if (this.#count > 0 && (this.#count - this.#p95At >= STALE || this.#count < STALE)) {
      const sorted = this.#recent.slice(0, Math.min(this.#count, WINDOW)).sort()
      this.#p95 = sorted[Math.ceil(sorted.length * 0.95) - 1]!
      this.#p95At = this.#count
    }
    return this.#p95
  }

  /** When an attempt counts as late, before the clamp to its timeout. */
  get rto(): number {
    return Math.max(MIN_RTO, this.spread)
  }

  /** srtt + 4 · rttvar without the floor: how far apart retransmissions are once a reply is overdue. */
  get spread(): number {
    const { value } = this.#srtt
    return Number.isNaN(value) ? UNMEASURED_RTO : value + 4 * this.#rttvar
  }

  /** A reply came after `elapsed`. */
  reply(elapsed: number, now: number): void {
    if (this.#failing || Number.isNaN(this.#srtt.value)) {
      this.#srtt.reset(elapsed, now)
      this.#rttvar = elapsed / 2
      this.#failing = false
    } else {
      this.#rttvar += (Math.abs(this.#srtt.value - elapsed) - this.#rttvar) / 4
      this.#srtt.add(elapsed, now)
    }
    this.#record(elapsed)
  }

  /** Nothing came for `waited`. */
  failure(waited: number, now: number): void {
    this.#failing = true
    if (!(waited <= this.#srtt.value)) this.#srtt.reset(waited, now)
    this.#record(waited)
  }

  /** Somebody else was faster: this one would have taken longer than `waited`. */
  censored(waited: number, now: number): void {
    if (!(waited <= this.#srtt.value)) this.#srtt.add(waited, now)
  }

  #record(elapsed: number): void {
    this.#recent[this.#count++ % WINDOW] = elapsed
  }
}
