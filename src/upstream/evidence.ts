/** Attempts in a row without a reply that raise a suspicion. */
const MISSES = 3
/**
 * How long a suspicion keeps a member last before one query may try it, in ms; doubled at each failed trial. A trial
 * costs that one query an RTO; without probes nothing else tells that a member is back.
 */
const FIRST_TRIAL = 1000
const LAST_TRIAL = 4000

/**
 * Passive evidence against one upstream: three attempts in a row that failed or were late, with no reply between
 * them, put it under suspicion, which orders it last. A good reply clears that. While nobody probes it, one query
 * at a time tries it again, after 1, 2 and then every 4 s.
 */
export class Evidence {
  /** Whether somebody probes a member under suspicion, so that no query has to try it. */
  probed = false
  #misses = 0
  #trialAt = Infinity
  #backoff = FIRST_TRIAL

  /** Whether the suspicion stands at all; {@link suspected} also says whether a trial is due. */
  get marked(): boolean {
    return this.#misses >= MISSES
  }

  /** Whether the member should be asked last at clock time `now`, in ms. */
  suspected(now: number): boolean {
    return this.#misses >= MISSES && (this.probed || now < this.#trialAt)
  }

  /** When one query may try it, clock time in ms; Infinity without a suspicion. */
  get trialAt(): number {
    return this.#trialAt
  }

  /** An attempt begins. True: it is the trial, and the next one must wait. */
  begin(now: number): boolean {
    if (now < this.#trialAt || this.probed) return false
    this.#backoff = Math.min(LAST_TRIAL, this.#backoff * 2)
    this.#trialAt = now + this.#backoff
    return true
  }

  /** An attempt failed or is late. True: this is what raised the suspicion. */
  miss(now: number): boolean {
    if (++this.#misses !== MISSES) return false
    this.#trialAt = now + this.#backoff
    return true
  }

  /** A reply came; a SERVFAIL is one, but not a `good` one. True: it cleared the suspicion. */
  reply(good: boolean): boolean {
    if (this.marked && !good) return false
    const cleared = this.marked
    this.clear()
    return cleared
  }

  /** Forgets everything. */
  clear(): void {
    this.#misses = 0
    this.#trialAt = Infinity
    this.#backoff = FIRST_TRIAL
  }
}
