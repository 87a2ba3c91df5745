import { REPLIES } from '../metrics/statuses.js'
import type { Reading } from './reading.js'
import type { ShownState, UpstreamSeries } from './report.js'

/** How long changes of an upstream's state are remembered, in ms, and how many at most. */
const HEALTH_SPAN = 3_600_000
const MAX_CHANGES = 500

/** What one upstream's counters said at one moment. */
interface Marks {
  readonly attempts: number
  readonly failures: number
  readonly replies: number
  /** Seconds. */
  readonly time: number
  /** Replies that took at most each bound. */
  readonly buckets: readonly { readonly bound: number; readonly count: number }[]
}

/** One sample of one upstream: what happened since the one before. */
interface Point {
  readonly attempts: number
  readonly failures: number
  readonly mean: number | null
  readonly p95: number | null
  share: number | null
}

/** One upstream over time. */
export class Track {
  readonly #points: Point[] = []
  readonly #health: { at: number; state: ShownState }[] = []
  #marks: Marks | null = null

  /** Takes in a sample at date `at`, in ms. @returns how many attempts ended since the one before */
  add(reading: Reading, name: string, state: ShownState, at: number): number {
    const now = marksOf(reading, name)
    const before = this.#marks
    this.#marks = now
    const point = before === null ? NOTHING : pointOf(since(now, before))
    this.#points.push({ ...point })
    this.#noteState(state, at)
    return point.attempts
  }

  /** Says what part of `total` attempts the latest sample was. */
  shareOf(total: number): void {
    const latest = this.#points.at(-1)
    if (latest !== undefined) latest.share = total === 0 ? null : latest.attempts / total
  }

  get health(): readonly { readonly at: number; readonly state: ShownState }[] {
    return this.#health
  }

  /** The latest `count` samples. An upstream that came later has none for those before. */
  series(count: number): UpstreamSeries {
    const own = count === 0 ? [] : this.#points.slice(-count)
    const points = [...Array.from({ length: count - own.length }, () => NOTHING), ...own]
    return {
      mean: points.map(({ mean }) => mean),
      p95: points.map(({ p95 }) => p95),
      share: points.map(({ share }) => share),
      failures: points.map(({ failures }) => failures),
    }
  }

  /** Keeps the latest `count` samples alone. */
  trim(count: number): void {
    this.#points.splice(0, Math.max(0, this.#points.length - count))
  }

  #noteState(state: ShownState, at: number): void {
    const health = this.#health
    if (health.at(-1)?.state !== state) health.push({ at, state })
    // The change before the span says what state the span begins in.
    while (health.length > 1 && (health[1]!.at < at - HEALTH_SPAN || health.length > MAX_CHANGES)) health.shift()
  }
}

const NOTHING: Point = { attempts: 0, failures: 0, mean: null, p95: null, share: null }

/** How the upstream `name` stands. */
export function stateOf(reading: Reading, name: string): ShownState {
  const upstream = { upstream: name }
  const states = reading.by('upstream_health', 'state', upstream)
  const seen = Object.values(states).reduce((sum, count) => sum + count, 0)
  const up = reading.count('upstream_up', upstream)
  if (up === 0) return 'down'
  if (up < seen) return 'partly'
  if ((states['suspect'] ?? 0) > 0 || reading.count('upstream_suspected', upstream) > 0) return 'suspect'
  return states['unknown'] === seen ? 'unknown' : 'up'
}

function marksOf(reading: Reading, name: string): Marks {
  const upstream = { upstream: name }
  let attempts = 0
  let failures = 0
  for (const [status, count] of Object.entries(reading.by('upstream_queries', 'status', upstream))) {
    attempts += count
    if (!REPLIES.has(status) && status !== 'cancelled') failures += count
  }
  const marks = { attempts, failures, replies: 0, time: 0, buckets: [] as { bound: number; count: number }[] }
  for (const { suffix, labels, value } of reading.samples('upstream_duration_seconds', upstream)) {
    if (suffix === '_count') marks.replies = value
    else if (suffix === '_sum') marks.time = value
    else marks.buckets.push({ bound: labels['le'] === '+Inf' ? Infinity : Number(labels['le']), count: value })
  }
  return marks
}

/** What was counted between two marks; where a count is smaller than before, whoever counts began anew. */
function since(now: Marks, before: Marks): Marks {
  if (now.attempts < before.attempts || now.replies < before.replies) return now
  return {
    attempts: now.attempts - before.attempts,
    failures: Math.max(0, now.failures - before.failures),
    replies: now.replies - before.replies,
    time: Math.max(0, now.time - before.time),
    buckets: now.buckets.map(({ bound, count }, i) => ({ bound, count: count - (before.buckets[i]?.count ?? 0) })),
  }
}

function pointOf({ attempts, failures, replies, time, buckets }: Marks): Point {
  if (replies === 0) return { ...NOTHING, attempts, failures }
  return {
    attempts,
    failures,
    mean: (time / replies) * 1000,
    p95: quantile(buckets, replies, 0.95) * 1000,
    share: null,
  }
}

/** What a part `q` of `total` values stayed under, taken to be spread evenly within each bucket. */
function quantile(buckets: Marks['buckets'], total: number, q: number): number {
  const rank = q * total
  let [below, under] = [0, 0]
  for (const { bound, count } of buckets) {
    if (count >= rank) return bound === Infinity ? below : below + ((bound - below) * (rank - under)) / (count - under)
    below = bound
    under = count
  }
  return below
}
