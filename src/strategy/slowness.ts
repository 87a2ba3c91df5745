import type { Candidate, Outcome } from './strategy.js'

/** How long a late or failed attempt speaks against its member, in ms, unless a reply in time clears it. */
const MEMORY = 5000
/** So many failures in a row, whoever they were with, look like a network that is down. */
const SILENCE = 3

/** Which members are slow just now, and whether anybody answers at all: by how their latest attempts ended. */
export class Slowness {
  readonly #until = new WeakMap<Candidate, number>()
  #failures = 0

  /** Whether nobody has replied since three attempts failed. */
  get silence(): boolean {
    return this.#failures >= SILENCE
  }

  /** An attempt that took its member's RTO or failed makes it slow; losing a race sooner says nothing. */
  learn({ candidate, result, elapsed, now }: Outcome): void {
    if (result === 'reply') this.#failures = 0
    else if (result === 'failure') this.#failures++
    if (result === 'failure' || elapsed >= candidate.rto) this.#until.set(candidate, now + MEMORY)
    else if (result === 'reply') this.#until.delete(candidate)
  }

  /** Whether any of `candidates` but `asked` is worth asking at clock time `now`. */
  anyQuick(candidates: readonly Candidate[], asked: Candidate, now: number): boolean {
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[i]!
      if (candidate !== asked && (this.#until.get(candidate) ?? -Infinity) <= now) return true
    }
    return false
  }
}
