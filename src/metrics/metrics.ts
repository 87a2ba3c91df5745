import { systemClock, type Clock } from '../base/clock.js'
import { boolean, integer, option, readOptions, reject, type OptionValues } from '../base/options.js'
import { version } from '../base/version.js'
import { contentTypeOf, exposition, type ExpositionFormat } from './exposition.js'
import { BUCKETS } from './histogram.js'
import { Incidents, type Incident } from './incidents.js'
import { readCache, readMonitor, readPool, readServer, readUpstream } from './readers.js'
import {
  everythingIn,
  isCache,
  isForwarder,
  isMonitor,
  isObject,
  isPool,
  isServer,
  isUpstream,
  type CacheLike,
  type UpstreamLike,
} from './shapes.js'
import type { MetricsSnapshot } from './snapshot.js'
import { Tally } from './tally.js'
import {
  ForwarderQueries,
  ForwarderWatcher,
  UpstreamWatcher,
  type DurationListener,
  type WatchHost,
} from './watcher.js'

/** Options of {@link collectMetrics}. */
export interface MetricsOptions {
  /** Upper bounds of the histograms' buckets in seconds, rising. @default 0.001 to 5 in twelve steps */
  readonly buckets?: readonly number[]
  /** Whether the process's own memory and processor time are among it. @default true */
  readonly process?: boolean
  /** How many incidents are remembered. @default 100 */
  readonly incidents?: number
  /** @default real time */
  readonly clock?: Clock
}

const OPTIONS = {
  buckets: option<readonly number[]>(BUCKETS, 'an array of rising numbers above 0, at least one', isRising),
  process: boolean(true),
  incidents: integer(100, 0, 10_000),
  clock: option<Clock>(systemClock, 'a Clock', (v) => typeof v === 'object' && v !== null && 'now' in v),
}

/** What {@link collectMetrics} returns: reads what its objects count, and listens to what they only tell. */
export class Metrics {
  readonly #options: OptionValues<typeof OPTIONS>
  readonly #roots = new Set<object>()
  readonly #upstreams = new Map<object, UpstreamWatcher>()
  readonly #forwarders = new Map<object, ForwarderWatcher>()
  readonly #queries: ForwarderQueries
  readonly #memberships = new Map<object, () => void>()
  readonly #incidents: Incidents
  readonly #durationListeners = new Set<DurationListener>()
  readonly #host: WatchHost
  #found: ReadonlySet<object> = new Set()
  #closed = false

  /** @throws {DnsError} ERR_DNS_INVALID_OPTION */
  constructor(objects: readonly object[], options: MetricsOptions = {}) {
    this.#options = readOptions('collectMetrics', OPTIONS, options)
    const { clock, buckets, incidents } = this.#options
    this.#incidents = new Incidents(incidents)
    this.#host = {
      incidents: this.#incidents,
      buckets,
      durationListeners: this.#durationListeners,
      now: () => (clock.wall ?? clock.now)(),
    }
    this.#queries = new ForwarderQueries(buckets)
    this.add(...objects)
  }

  /** The media type of {@link text}. */
  get contentType(): string {
    return contentTypeOf('openmetrics')
  }

  /** Upper bounds of the histograms' buckets, in seconds. */
  get buckets(): readonly number[] {
    return this.#options.buckets
  }

  /** What went wrong with upstreams, and was mended, the newest first. */
  get incidents(): readonly Incident[] {
    return this.#incidents.list
  }

  /** The upstreams that were found. @internal */
  get upstreams(): readonly UpstreamLike[] {
    return [...this.#found].filter(isUpstream)
  }

  /** The caches that were found. @internal */
  get caches(): readonly CacheLike[] {
    return [...this.#found].filter(isCache)
  }

  /**
   * Collects from `objects` and all that they are composed of, too.
   *
   * @throws {DnsError} ERR_DNS_INVALID_OPTION: nothing of ours is in one of them
   */
  add(...objects: readonly object[]): this {
    for (const object of objects) {
      if (!isObject(object) || !isCollected(everythingIn([object])))
        reject('collectMetrics', 'objects', object, 'a Forwarder, Pool, Upstream, Server or such, or composed of them')
      this.#roots.add(object)
    }
    this.#refresh()
    return this
  }

  /** Everything as it is now. */
  snapshot(): MetricsSnapshot {
    this.#refresh()
    const tally = new Tally()
    if (this.#options.process) readProcess(tally)
    for (const object of this.#found) {
      if (isUpstream(object)) readUpstream(tally, object)
      else if (isPool(object)) readPool(tally, object)
      else if (isMonitor(object)) readMonitor(tally, object)
      else if (isCache(object)) readCache(tally, object)
      else if (isServer(object)) readServer(tally, object)
    }
    for (const [object, { duration }] of this.#upstreams)
      tally.addHistogram('duration', { upstream: (object as UpstreamLike).name }, duration)
    if (this.#forwarders.size > 0) {
      tally.addEach('forwarderQueries', {}, 'status', this.#queries.counts)
      tally.addHistogram('forwarderDuration', {}, this.#queries.duration)
    }
    return tally.snapshot
  }

  /** {@link snapshot} as text for a scraper: OpenMetrics 1.0 unless told otherwise. */
  text(format: ExpositionFormat = 'openmetrics'): string {
    return exposition(this.snapshot(), { format })
  }

  /** Calls `listener` with each duration as it is measured. @returns how to stop that */
  watchDurations(listener: DurationListener): () => void {
    this.#durationListeners.add(listener)
    return () => void this.#durationListeners.delete(listener)
  }

  /** Listens to nothing any more; what was counted up to now can still be read. Idempotent. */
  close(): void {
    this.#closed = true
    for (const watched of [...this.#upstreams.values(), ...this.#forwarders.values()]) watched.close()
    for (const unwatch of this.#memberships.values()) unwatch()
    this.#memberships.clear()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** Upstreams come and go: listens to who is new, and lets go of who is gone. */
  readonly #refresh = (): void => {
    if (this.#closed) return
    const found = (this.#found = everythingIn(this.#roots))
    for (const object of found) this.#watch(object)
    for (const watched of [this.#upstreams, this.#forwarders]) {
      for (const [object, watcher] of watched) {
        if (found.has(object)) continue
        watcher.close()
        watched.delete(object)
      }
    }
    for (const [pool, unwatch] of this.#memberships) {
      if (found.has(pool)) continue
      unwatch()
      this.#memberships.delete(pool)
    }
  }

  #watch(object: object): void {
    if (isUpstream(object)) {
      if (!this.#upstreams.has(object)) this.#upstreams.set(object, new UpstreamWatcher(object, this.#host))
    } else if (isPool(object)) {
      if (!this.#memberships.has(object)) this.#memberships.set(object, object.watchMembers(this.#refresh))
    } else if (isForwarder(object) && !this.#forwarders.has(object)) {
      this.#forwarders.set(object, new ForwarderWatcher(object, this.#queries, this.#host))
    }
  }
}

/**
 * Collects metrics from objects and from all that they are composed of: a Forwarder's pools and their upstreams, what its routes
 * ask, its cache; a Server's root. An exchanger of your own is looked into if it has `parts`. Members that come later are
 * found by themselves.
 *
 * @throws {DnsError} ERR_DNS_INVALID_OPTION: an option, or an object in which there is nothing to collect from
 */
export function collectMetrics(objects: object | readonly object[], options?: MetricsOptions): Metrics {
  return new Metrics(Array.isArray(objects) ? (objects as readonly object[]) : [objects], options)
}

function isCollected(found: ReadonlySet<object>): boolean {
  return [...found].some((object) =>
    [isUpstream, isPool, isMonitor, isCache, isServer, isForwarder].some((is) => is(object)),
  )
}

function readProcess(tally: Tally): void {
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed } = process.memoryUsage()
  tally.add('build', { version: version(), node: process.version }, 1)
  tally.add('uptime', {}, process.uptime())
  tally.add('cpu', {}, (user + system) / 1e6)
  tally.add('resident', {}, rss)
  tally.add('heap', {}, heapUsed)
}

function isRising(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0) return false
  return (value as unknown[]).every(
    (bound, i, all) => typeof bound === 'number' && Number.isFinite(bound) && bound > ((all[i - 1] as number) ?? 0),
  )
}
