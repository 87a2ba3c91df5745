import { PROBE_FAILURES, type ProbeFailure } from './probe.js'

/** Probes of one member, by how they ended. */
export interface ProbeStats {
  readonly probes: number
  readonly good: number
  /** Probes that say nothing of the member. */
  readonly void: number
  /** Bad probes, by what went wrong. */
  readonly failures: Readonly<Record<ProbeFailure, number>>
}

/** Counts probes. */
export class ProbeCounts {
  #good = 0
  #void = 0
  readonly #failures = Object.fromEntries(PROBE_FAILURES.map((failure) => [failure, 0])) as Record<ProbeFailure, number>

  /** Adds one; `failure` is what a bad one went by. */
  add(result: 'good' | 'bad' | 'void', failure: ProbeFailure | null): void {
    if (result === 'good') this.#good++
    else if (result === 'void') this.#void++
    else this.#failures[failure!]++
  }

  /** The counts as they are now. */
  snapshot(): ProbeStats {
    const failures = { ...this.#failures }
    const bad = Object.values(failures).reduce((sum, count) => sum + count)
    return { probes: this.#good + this.#void + bad, good: this.#good, void: this.#void, failures }
  }
}
