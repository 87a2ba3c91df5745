import { PATIENCE } from './contestant.js'
import type { Run } from './simulate.js'

/** Recovery is judged by so many queries at a time, use by so many. */
const P99_QUERIES = 200
const USE_QUERIES = 20
/** How far apart those windows begin, in ms. */
const STEP = 100
/** A recovered p99 is at most this times the survivors' RTT. */
const RECOVERED = 1.2
/** One that is back takes at least this part of the share it had before. */
const IN_USE = 0.5

/** One line of a table. Times in ms; shares from 0 to 1. */
export interface Figures {
  readonly name: string
  readonly ours: boolean
  /** Of the queries sent, those to the server that comes first in the scenario. */
  readonly share: number
  readonly p50: number
  readonly p99: number
  readonly queries: number
  readonly failed: number
  /** Queries sent beyond one for each asked. */
  readonly extra: number
  /** After the best failed, until p99 is within 1.2 times the survivors' RTT for good; null where nothing failed. */
  readonly recovery: number | null
  /** After the best is back, until it has half of its share again; Infinity if it never has. */
  readonly inUse: number | null
}

/** What `run` comes to. */
export function figuresOf(run: Run): Figures {
  const { contestant, elapsed, servers } = run
  const sent = servers.reduce((sum, { asked }) => sum + asked, 0)
  const sorted = Float64Array.from(elapsed).sort()
  return {
    name: contestant.name,
    ours: contestant.ours,
    share: servers[0]!.asked / sent,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    queries: elapsed.length,
    failed: elapsed.reduce((sum, ms) => sum + Number(ms === Infinity), 0),
    extra: sent / elapsed.length - 1,
    recovery: recoveryOf(run),
    inUse: inUseOf(run),
  }
}

/** The time in ms that `share` of `sorted` stayed within; a failure took as long as a client waits. */
export function percentile(sorted: Float64Array, share: number): number {
  return Math.min(PATIENCE, sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN)
}

/** The 99th percentile of the queries of `run` that began from `from` on and before `to`; NaN if none did. */
export function p99Between({ began, elapsed }: Run, from: number, to: number): number {
  return percentile(elapsed.slice(countBefore(began, from), countBefore(began, to)).sort(), 0.99)
}

/** How many of `times`, which rise, are before `end`. */
function countBefore(times: Float64Array, end: number): number {
  const at = times.findIndex((time) => time >= end)
  return at < 0 ? times.length : at
}

function recoveryOf(run: Run): number | null {
  const { outage, qps } = run.scenario
  if (outage === undefined) return null
  const width = (P99_QUERIES * 1000) / qps
  for (let at = outage.from; at + width <= outage.to; at += STEP) {
    const isBack = (to: number): boolean => p99Between(run, at, to) <= RECOVERED * outage.rtt
    if (isBack(at + width) && isBack(outage.to)) return at - outage.from
  }
  return Infinity
}

function inUseOf({ scenario: { outage, duration, qps }, servers }: Run): number | null {
  if (outage === undefined) return null
  const width = (USE_QUERIES * 1000) / qps
  const share = (from: number, to: number): number => {
    const all = servers.reduce((sum, server) => sum + server.askedIn(from, to), 0)
    return all === 0 ? 0 : servers[0]!.askedIn(from, to) / all
  }
  const before = share(outage.from - 10 * width, outage.from)
  for (let at = outage.to; at + width <= duration; at += STEP)
    if (share(at, at + width) >= IN_USE * before) return at - outage.to
  return Infinity
}
