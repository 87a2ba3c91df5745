/** What metrics read of the library's objects, by what they have: whatever has the same is counted the same. */

/** Something that reports what it does. */
export interface Emits {
  on(event: string, listener: (event: never) => void): unknown
  removeListener(event: string, listener: (event: never) => void): unknown
}

export interface UpstreamLike extends Emits {
  readonly name: string
  readonly transport: string | null
  readonly address: { readonly text: string } | null
  readonly isUp: boolean
  readonly suspected: boolean
  readonly health: { readonly state: string; readonly forced: 'up' | 'down' | null }
  readonly stats: {
    readonly outstanding: number
    readonly late: number
    readonly cancelled: number
    readonly failures: number
    readonly srtt: number
    readonly rcodes: Readonly<Record<number, number>>
    readonly failureCodes: Readonly<Partial<Record<string, number>>>
    readonly connectionsOpened: number
    readonly connectionsClosed: number
  }
  force(state: 'up' | 'down' | null): void
}

export interface PoolLike {
  readonly name: string
  readonly priority: number
  readonly strategy: { readonly name: string }
  readonly isUp: boolean
  readonly members: readonly { readonly name: string }[]
  readonly stats: {
    readonly replies: number
    readonly failures: number
    readonly cancelled: number
    readonly outstanding: number
    readonly attempts: Readonly<Record<string, number>>
  }
  watchMembers(listener: () => void): () => void
}

export interface MonitorLike {
  readonly running: boolean
  readonly stats: readonly {
    readonly upstream: string
    readonly good: number
    readonly void: number
    readonly failures: Readonly<Record<string, number>>
  }[]
}

export interface CacheLike {
  readonly stats: {
    readonly hits: number
    readonly misses: number
    readonly stale: number
    readonly failures: number
    readonly coalesced: number
    readonly prefetches: number
    readonly evicted: number
    readonly entries: number
    readonly size: number
  }
  flush(name?: string): void
}

export interface ServerLike {
  readonly addresses: readonly unknown[]
  readonly stats: {
    readonly duplicates: number
    readonly outstanding: number
    readonly transports: Readonly<
      Partial<
        Record<
          string,
          {
            readonly queries: number
            readonly replies: number
            readonly failures: number
            readonly dropped: number
            readonly malformed: number
            readonly denied: Readonly<Record<string, number>>
            readonly connectionsOpened: number
            readonly connections: number
          }
        >
      >
    >
  }
}

export interface ForwarderLike extends Emits {
  readonly pools: readonly unknown[]
}

export function isUpstream(object: object): object is UpstreamLike {
  return has(object, 'stats', 'health', 'force', 'on')
}

export function isPool(object: object): object is PoolLike {
  return has(object, 'stats', 'members', 'strategy', 'watchMembers')
}

export function isMonitor(object: object): object is MonitorLike {
  return has(object, 'stats', 'running') && Array.isArray((object as MonitorLike).stats)
}

export function isCache(object: object): object is CacheLike {
  return has(object, 'stats', 'flush')
}

export function isServer(object: object): object is ServerLike {
  return has(object, 'stats', 'addresses')
}

export function isForwarder(object: object): object is ForwarderLike {
  return has(object, 'pools', 'upstreams', 'on')
}

/** `roots`, whatever they are composed of, and so on; each once, however they are knotted together. */
export function everythingIn(roots: Iterable<object>): ReadonlySet<object> {
  const found = new Set<object>(roots)
  // A set is walked over in the order in which it grows.
  for (const object of found) {
    const parts = 'parts' in object ? object.parts : null
    if (Array.isArray(parts)) for (const part of parts as unknown[]) if (isObject(part)) found.add(part)
  }
  return found
}

export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function has(object: object, ...names: readonly string[]): boolean {
  return names.every((name) => name in object)
}
