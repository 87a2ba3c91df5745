import { Incidents, type Incident } from '../metrics/incidents.js'
import { REPLIES } from '../metrics/statuses.js'
import type { MetricsSnapshot } from '../metrics/snapshot.js'
import { readCaches, readPools, readServers, readUpstream, summaryOf, upstreamNames } from './sections.js'
import { Reading } from './reading.js'
import type { ShownState, StatusReport } from './report.js'
import { stateOf, Track } from './tracks.js'

/** Incidents that are remembered where only snapshots tell of them. */
const MAX_INCIDENTS = 100

/** What a report needs to know beside the snapshots. */
export interface Surroundings {
  /** Date in ms. */
  readonly at: number
  readonly interval: number
  readonly actions: boolean
  readonly problem: string | null
  /** Null: what snapshots tell of them. */
  readonly incidents: readonly Incident[] | null
}

/** Snapshots over time, and what they come to. */
export class History {
  readonly #most: number
  readonly #tracks = new Map<string, Track>()
  readonly #states = new Map<string, ShownState>()
  readonly #failures = new Map<string, Readonly<Record<string, number>>>()
  readonly #derived = new Incidents(MAX_INCIDENTS)
  #times: number[] = []
  #rate: number[] = []
  #reading = new Reading([])

  /** @param most samples that are kept */
  constructor(most: number) {
    this.#most = most
  }

  /** Takes in a snapshot of date `at`, in ms. */
  add(snapshot: MetricsSnapshot, at: number): void {
    const reading = (this.#reading = new Reading(snapshot))
    const names = upstreamNames(reading)
    const elapsed = at - (this.#times.at(-1) ?? at)
    let total = 0
    for (const name of names) total += this.#addUpstream(reading, name, at)
    for (const [name, track] of this.#tracks) {
      if (names.includes(name)) track.shareOf(total)
      else this.#forget(name)
      track.trim(this.#most)
    }
    this.#times = [...this.#times, at].slice(-this.#most)
    this.#rate = [...this.#rate, elapsed > 0 ? total / (elapsed / 1000) : 0].slice(-this.#most)
  }

  /** How it is now, with the samples after date `since`, in ms. */
  report(since: number, { incidents, ...surroundings }: Surroundings): StatusReport {
    const reading = this.#reading
    const times = this.#times.filter((time) => time > since)
    const uptime = reading.value('process_uptime_seconds')
    const upstreams = [...this.#tracks].map(([name, track]) => ({
      ...readUpstream(reading, name),
      state: this.#states.get(name) ?? 'unknown',
      health: [...track.health],
      series: track.series(times.length),
    }))
    return {
      version: reading.samples('build')[0]?.labels['version'] ?? '',
      ...surroundings,
      uptime: Number.isNaN(uptime) ? null : uptime,
      full: times.length === this.#times.length,
      times,
      rate: times.length === 0 ? [] : this.#rate.slice(-times.length),
      upstreams,
      summary: summaryOf(upstreams),
      pools: readPools(reading),
      cache: readCaches(reading),
      servers: readServers(reading),
      incidents: incidents ?? this.#derived.list,
    }
  }

  #addUpstream(reading: Reading, name: string, at: number): number {
    const state = stateOf(reading, name)
    this.#derive(reading, name, state, at)
    let track = this.#tracks.get(name)
    if (track === undefined) this.#tracks.set(name, (track = new Track()))
    return track.add(reading, name, state, at)
  }

  /** Incidents as far as the difference of two snapshots tells them. */
  #derive(reading: Reading, name: string, state: ShownState, at: number): void {
    const counts = reading.by('upstream_queries', 'status', { upstream: name })
    const before = this.#failures.get(name)
    this.#failures.set(name, counts)
    for (const [what, count] of before === undefined ? [] : Object.entries(counts)) {
      if (REPLIES.has(what) || what === 'cancelled' || count <= (before![what] ?? 0)) continue
      this.#derived.add({ kind: 'failure', upstream: name, what, text: '' }, at, count - (before![what] ?? 0))
    }
    const was = this.#states.get(name)
    this.#states.set(name, state)
    if (was !== undefined && was !== state)
      this.#derived.add({ kind: 'health', upstream: name, what: state, text: '' }, at)
  }

  #forget(name: string): void {
    this.#tracks.delete(name)
    this.#states.delete(name)
    this.#failures.delete(name)
  }
}
