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
 * Replies in a row to queries sent more than once after which RTO itself must be what is too short. At 40 % loss each
 * way so many come by chance in one of 1,300 runs, and 4 in every sixth.
 */
const MAX_UNCLEAR = 16
/**
 * Races lost in a row, with no reply between them, that are as good as a failure. At 30 % loss so many come by chance
 * once in 400, and 3 once in 37.
 */
const MAX_CENSORED = 5

/**
 * How long one member takes, over attempts of that member alone. All times in ms.
 *
 * A failure or a lost race says only that the reply would have taken longer: such samples move the average up, never
 * down. The first reply after failures starts it afresh, so that one bad minute is not paid off over hundreds of
 * queries.
 *
 * RTO goes by what was measured alone, and failures say nothing of that. If one raised it, the queries after it would
 * be sent again too late or never, and fail likewise: at 20 % loss each way one failure led to 4 in 100.
 */
export class RoundTrips {
  readonly #srtt = new DecayingAverage(HALF_LIFE)
  readonly #measured = new DecayingAverage(HALF_LIFE)
  #rttvar = 0
  #unclear = 0
  #censored = 0
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
    const { value } = this.#measured
    return Number.isNaN(value) ? UNMEASURED_RTO : value + 4 * this.#rttvar
  }

  /** A reply came after `elapsed` to a query that was sent once. */
  reply(elapsed: number, now: number): void {
    this.#unclear = 0
    this.#measure(elapsed, now)
    this.detour(elapsed, now)
  }

  /**
   * A reply came to a query that was sent again, and doesn't say to which transmission: the last, unless that was too
   * short ago. Karn's algorithm learns nothing from it (RFC 6298, section 3), unless nothing else comes any more.
   */
  unclear(sinceFirst: number, sinceLast: number, now: number): void {
    if (++this.#unclear >= MAX_UNCLEAR) this.#measure(sinceFirst, now)
    this.detour(sinceLast >= this.#measured.value / 2 ? sinceLast : sinceFirst, now)
  }

  /** A reply came after `elapsed` another way, over TCP: it says how the member fares and nothing of round trips. */
  detour(elapsed: number, now: number): void {
    if (this.#failing) this.#srtt.reset(elapsed, now)
    else this.#srtt.add(elapsed, now)
    this.#failing = false
    this.#censored = 0
    this.#record(elapsed)
  }

  /** Nothing came for `waited`. */
  failure(waited: number, now: number): void {
    this.#failing = true
    if (!(waited <= this.#srtt.value)) this.#srtt.reset(waited, now)
    this.#record(waited)
  }

  /** A probe was answered in time: after failures the average is again what was measured, so that queries come to try it. */
  answered(now: number): void {
    if (this.#failing) this.recovered(now)
  }

  /** It is back: the average is what was measured before. */
  recovered(now: number): void {
    const { value } = this.#measured
    if (!Number.isNaN(value)) this.#srtt.reset(value, now)
  }

  /** Somebody else was faster: this one would have taken longer than `waited`. */
  censored(waited: number, now: number): void {
    if (++this.#censored >= MAX_CENSORED) this.#failing = true
    if (!(waited <= this.#srtt.value)) this.#srtt.add(waited, now)
  }

  #measure(elapsed: number, now: number): void {
    const { value } = this.#measured
    if (Number.isNaN(value)) this.#rttvar = elapsed / 2
    else this.#rttvar += (Math.abs(value - elapsed) - this.#rttvar) / 4
    this.#measured.add(elapsed, now)
  }

  #record(elapsed: number): void {
    this.#recent[this.#count++ % WINDOW] = elapsed
  }
}
