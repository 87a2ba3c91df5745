import { isDeepStrictEqual } from 'node:util'
import type { AddressInput } from '../address/address.js'
import type { ForwarderOptions, ForwarderRoute } from '../forwarder/forwarder.js'
import { Pool } from '../pool/pool.js'
import { readMember, type PoolMember, type PoolOptions } from '../pool/options.js'
import { Upstream } from '../upstream/upstream.js'
import type { UpstreamOptions } from '../upstream/options.js'

/** An upstream, and what it was made of. */
interface Entry {
  readonly target: AddressInput
  readonly options: UpstreamOptions
  readonly upstream: Upstream
}

/**
 * The upstreams of a forwarder's options: each address that stands there as an {@link Upstream}, which is one of before where
 * its address and all its options are the same.
 */
export class Roster {
  /** The options that were given, with upstreams in the place of addresses. */
  readonly options: ForwarderOptions
  /** Upstreams that weren't there before. */
  readonly added: readonly Upstream[]
  /** Upstreams of before that aren't there any more. */
  readonly gone: readonly Upstream[]
  readonly #entries: Entry[] = []
  readonly #left: Entry[]
  readonly #added: Upstream[] = []

  /** @throws {DnsError} as `new Upstream()` does; what was made by then is destroyed */
  constructor(given: ForwarderOptions, before: Roster | null = null) {
    this.#left = before === null ? [] : [...before.#entries]
    try {
      this.options = this.#fill(given)
    } catch (error) {
      this.discard()
      throw error
    }
    this.added = this.#added
    this.gone = this.#left.map(({ upstream }) => upstream)
  }

  get upstreams(): readonly Upstream[] {
    return this.#entries.map(({ upstream }) => upstream)
  }

  /** Ends what was made for it. */
  discard(): void {
    for (const upstream of this.#added) upstream.destroy()
  }

  #fill(given: ForwarderOptions): ForwarderOptions {
    const { clock, pools, upstreams, fallback, routes, upstreamDefaults } = given
    const defaults = { ...(clock !== undefined && { clock }), ...upstreamDefaults }
    const members = (list: readonly PoolMember[]): PoolMember[] => list.map((member) => this.#member(member, defaults))
    return {
      ...given,
      ...(pools && { pools: pools.map((pool) => (pool instanceof Pool ? pool : this.#pool(pool, defaults))) }),
      ...(upstreams && { upstreams: members(upstreams) }),
      ...(fallback && { fallback: members(fallback) }),
      ...(routes && { routes: this.#routes(routes, members) }),
    }
  }

  #pool(pool: PoolOptions, defaults: UpstreamOptions): PoolOptions {
    const { clock, upstreams = [], upstreamDefaults } = pool
    const all = { ...defaults, ...(clock !== undefined && { clock }), ...upstreamDefaults }
    return { ...pool, upstreams: upstreams.map((member) => this.#member(member, all)) }
  }

  #routes(
    routes: NonNullable<ForwarderOptions['routes']>,
    members: (list: readonly PoolMember[]) => PoolMember[],
  ): NonNullable<ForwarderOptions['routes']> {
    const fill = (to: readonly PoolMember[] | AddressInput): readonly PoolMember[] =>
      members(Array.isArray(to) ? (to as readonly PoolMember[]) : [to as AddressInput])
    const filled = Object.entries(routes).map(([suffix, route]): [string, ForwarderRoute] => {
      if (typeof route === 'object' && ('exchange' in route || 'action' in route)) return [suffix, route]
      if (typeof route !== 'object' || !('to' in route)) return [suffix, fill(route)]
      return [suffix, 'exchange' in Object(route.to) ? route : { ...route, to: fill(route.to as AddressInput) }]
    })
    return Object.fromEntries(filled)
  }

  #member(given: PoolMember, defaults: UpstreamOptions): PoolMember {
    if (typeof given === 'object' && 'exchange' in given) return given
    const { target, options } = readMember(given)
    return this.#upstream(target as AddressInput, { ...defaults, ...options })
  }

  #upstream(target: AddressInput, options: UpstreamOptions): Upstream {
    const at = this.#left.findIndex((e) => isDeepStrictEqual(e.target, target) && isDeepStrictEqual(e.options, options))
    const kept = at < 0 ? undefined : this.#left.splice(at, 1)[0]
    const entry = kept ?? { target, options, upstream: new Upstream(target, options) }
    if (kept === undefined) this.#added.push(entry.upstream)
    this.#entries.push(entry)
    return entry.upstream
  }
}
