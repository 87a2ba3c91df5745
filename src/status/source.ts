import type { Clock } from '../base/clock.js'
import { reject } from '../base/options.js'
import type { Incident } from '../metrics/incidents.js'
import { Metrics } from '../metrics/metrics.js'
import type { MetricsSnapshot } from '../metrics/snapshot.js'

/**
 * What a status page shows: objects, which metrics are collected from; metrics that are collected already; or a function that
 * gives snapshots, such as those of all workers added up.
 */
export type StatusSource = object | readonly object[] | Metrics | SnapshotFunction

/** Gives everything as it is now. */
export type SnapshotFunction = () => MetricsSnapshot | Promise<MetricsSnapshot>

/** What the token allows beside looking. Each says how many objects it reached. */
export interface StatusActions {
  /** Forces the upstream `name` up or down; null: as checks say. */
  force(name: string, state: 'up' | 'down' | null): number | Promise<number>
  /** Has caches forget `name` and all below it. */
  flush(name: string): number | Promise<number>
}

/** A source, opened. */
export interface Opened {
  readonly snapshot: SnapshotFunction
  /** Null where snapshots alone tell of them. */
  readonly incidents: (() => readonly Incident[]) | null
  readonly actions: StatusActions | null
  close(): void
}

/** @throws {DnsError} ERR_DNS_INVALID_OPTION */
export function openSource(source: StatusSource, clock: Clock): Opened {
  if (typeof source === 'function')
    return { snapshot: source as SnapshotFunction, incidents: null, actions: null, close: () => undefined }
  if (source instanceof Metrics) return openMetrics(source, () => undefined)
  if (typeof source !== 'object' || source === null)
    reject(
      'createStatusHandler',
      'source',
      source,
      'objects to show, metrics of them, or a function that gives snapshots',
    )
  const metrics = new Metrics(Array.isArray(source) ? (source as readonly object[]) : [source], { clock })
  return openMetrics(metrics, () => metrics.close())
}

function openMetrics(metrics: Metrics, close: () => void): Opened {
  return {
    snapshot: () => metrics.snapshot(),
    incidents: () => metrics.incidents,
    actions: {
      force: (name, state) => {
        const named = metrics.upstreams.filter((upstream) => upstream.name === name)
        for (const upstream of named) upstream.force(state)
        return named.length
      },
      flush: (name) => {
        for (const cache of metrics.caches) cache.flush(name)
        return metrics.caches.length
      },
    },
    close,
  }
}
