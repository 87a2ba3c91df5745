import type { Incidents } from './incidents.js'
import { Histogram } from './histogram.js'
import type { Emits } from './shapes.js'
import { noCounts, statusOfError, statusOfRcode, type Status } from './statuses.js'

/** Told of each duration as it is measured, in seconds. */
export type DurationListener = (of: 'upstream' | 'forwarder', upstream: string, seconds: number) => void

/** Where what is watched goes. */
export interface WatchHost {
  readonly incidents: Incidents
  readonly buckets: readonly number[]
  /** Who wants each duration; mostly nobody. */
  readonly durationListeners: ReadonlySet<DurationListener>
  /** The date, in ms. */
  now(): number
}

interface ReplyLike {
  readonly rcode: number
  readonly elapsed: number
}

interface FailureLike {
  readonly error: { readonly code: string; readonly message: string }
  readonly elapsed: number
}

interface HealthLike {
  readonly cause: 'check' | 'evidence' | 'forced'
}

const CAUSES: Readonly<Record<HealthLike['cause'], string>> = {
  check: 'by its checks',
  evidence: 'queries get no reply',
  forced: 'forced',
}

/** What only events tell of an upstream: how long replies took, and what went wrong. */
export class UpstreamWatcher {
  readonly duration: Histogram
  readonly close: () => void

  constructor(upstream: Emits & { readonly name: string }, host: WatchHost) {
    this.duration = new Histogram(host.buckets)
    const { name } = upstream
    const { durationListeners } = host
    const health =
      (what: 'up' | 'down' | 'suspect') =>
      ({ cause }: HealthLike): void =>
        host.incidents.add({ kind: 'health', upstream: name, what, text: CAUSES[cause] }, host.now())
    this.close = listen(upstream, {
      reply: ({ elapsed }: ReplyLike) => {
        const seconds = elapsed / 1000
        this.duration.observe(seconds)
        if (durationListeners.size > 0) for (const tell of durationListeners) tell('upstream', name, seconds)
      },
      failure: ({ error }: FailureLike) => {
        const { code, message } = error
        host.incidents.add({ kind: 'failure', upstream: name, what: statusOfError(code), text: message }, host.now())
      },
      up: health('up'),
      down: health('down'),
      suspect: health('suspect'),
    })
  }
}

/** Queries of all forwarders that are or were watched: a configuration that is loaded anew has another one, and no count goes back. */
export class ForwarderQueries {
  readonly duration: Histogram
  readonly counts: Record<Status, number> = noCounts()

  constructor(buckets: readonly number[]) {
    this.duration = new Histogram(buckets)
  }
}

/** Counts the queries of a forwarder, which keeps no counts of its own. */
export class ForwarderWatcher {
  readonly close: () => void

  constructor(forwarder: Emits, { counts, duration }: ForwarderQueries, { durationListeners }: WatchHost) {
    this.close = listen(forwarder, {
      reply: ({ rcode, elapsed }: ReplyLike) => {
        const seconds = elapsed / 1000
        counts[statusOfRcode(rcode)]++
        duration.observe(seconds)
        if (durationListeners.size > 0) for (const tell of durationListeners) tell('forwarder', '', seconds)
      },
      failure: ({ error }: FailureLike) => {
        counts[statusOfError(error.code)]++
      },
    })
  }
}

/** @returns how to stop listening */
function listen(emitter: Emits, listeners: Readonly<Record<string, (event: never) => void>>): () => void {
  for (const [event, listener] of Object.entries(listeners)) emitter.on(event, listener)
  return () => {
    for (const [event, listener] of Object.entries(listeners)) emitter.removeListener(event, listener)
  }
}
