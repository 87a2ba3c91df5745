import type { Clock } from '../base/clock.js'
import { AllUpstreamsFailedError, CANCELLED, DnsError } from '../errors.js'
import type { ExchangeContext, Exchanger, Query, Reply } from '../exchanger.js'
import type { Pool } from '../pool/pool.js'
import { isPoolFailure } from '../pool/verdict.js'
import { narrow } from '../query/context.js'

/** No pool gets less than this, in ms, however many are still to come. */
const MIN_SHARE = 250

/**
 * Pools by priority: the one with the lowest number that has a member up is asked; when it fails, the next. With
 * none up, all are asked as if they were, unless `failFast`.
 */
export class PoolChain implements Exchanger {
  readonly #clock: Clock
  readonly #pools: readonly Pool[]
  readonly #failFast: boolean

  /** @param pools the fallback pool, if any, last */
  constructor(pools: readonly Pool[], clock: Clock, failFast: boolean) {
    this.#pools = pools
    this.#clock = clock
    this.#failFast = failFast
  }

  exchange(query: Query, ctx: ExchangeContext): Promise<Reply> {
    const pools = this.#toAsk(ctx)
    if (pools.length === 1) return pools[0]!.exchange(query, ctx)
    if (pools.length === 0) return Promise.reject(new DnsError('ERR_DNS_NO_UPSTREAM', 'no pool has a member up'))
    return new Descent(this.#clock, pools, query, ctx).next()
  }

  #toAsk(ctx: ExchangeContext): readonly Pool[] {
    const pools = this.#pools
    if (ctx.trace !== null) this.#note(ctx)
    if (pools.length === 1 && !this.#failFast) return pools
    const up = pools.filter((pool) => pool.isUp)
    if (up.length > 0 || this.#failFast) return up
    return pools.filter((pool) => pool.members.length > 0)
  }

  #note({ trace }: ExchangeContext): void {
    const anyUp = this.#pools.some((pool) => pool.isUp)
    for (const pool of this.#pools) {
      const asked = pool.isUp || (!anyUp && !this.#failFast)
      const why = pool.isUp
        ? 'has a member up'
        : anyUp
          ? 'no member up: skipped'
          : 'no pool has a member up: asked all the same'
      trace!.add({ step: 'pool', pool: pool.name, priority: pool.priority, asked, why })
    }
  }
}

/** One query on its way down the pools. */
class Descent {
  readonly #clock: Clock
  readonly #pools: readonly Pool[]
  readonly #query: Query
  readonly #ctx: ExchangeContext
  #at = 0
  #kept: Reply | null = null
  readonly #causes: unknown[] = []

  constructor(clock: Clock, pools: readonly Pool[], query: Query, ctx: ExchangeContext) {
    this.#clock = clock
    this.#pools = pools
    this.#query = query
    this.#ctx = ctx
  }

  next(): Promise<Reply> {
    const now = this.#clock.now()
    const pool = this.#pools[this.#at]!
    const { scope, timeout } = this.#ctx
    const ctx =
      this.#at === this.#pools.length - 1 ? this.#ctx : narrow(this.#ctx, now + this.#share(pool, now), scope, timeout)
    this.#at++
    return pool.exchange(this.#query, ctx).then(this.#onReply, this.#onFailure)
  }

  /** As much as its attempts would get if all attempts and pools to come shared alike, so that the last one is reached. */
  #share(pool: Pool, now: number): number {
    const remaining = this.#ctx.deadline - now
    const { reach } = pool
    const later = this.#pools.length - this.#at - 1
    return Math.max(MIN_SHARE * reach, (remaining * reach) / (reach + later))
  }

  readonly #onReply = (reply: Reply): Reply | Promise<Reply> => {
    if (!isPoolFailure(reply.message)) return reply
    this.#kept ??= reply
    return this.#goOn()
  }

  readonly #onFailure = (error: unknown): Reply | Promise<Reply> => {
    if (error === CANCELLED) throw error
    this.#causes.push(error)
    return this.#goOn()
  }

  #goOn(): Reply | Promise<Reply> {
    if (this.#at < this.#pools.length && this.#clock.now() < this.#ctx.deadline) return this.next()
    if (this.#kept !== null) return this.#kept
    throw new AllUpstreamsFailedError('forwarder', this.#causes)
  }
}
