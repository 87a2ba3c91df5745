import { AllUpstreamsFailedError, CANCELLED, DnsError } from '../errors.js'
import type { ExchangeContext, Query, Reply, Trace } from '../exchanger.js'
import type { Clock } from '../base/clock.js'
import type { Pool } from '../pool/pool.js'
import { isPoolFailure } from '../pool/verdict.js'
import { Inner, type Asked, type Asking } from '../query/sink.js'

/** No pool gets less than this for each attempt that it may make, in ms, however many are still to come. */
const MIN_SHARE = 250

/**
 * Pools by priority: the one with the lowest number that has a member up is asked; when it fails, the next. With
 * none up, all are asked as if they were, unless `failFast`.
 */
export class PoolChain implements Asked {
  readonly #clock: Clock
  readonly #pools: readonly Pool[]
  readonly #failFast: boolean

  /** @param pools the fallback pool, if any, last */
  constructor(pools: readonly Pool[], clock: Clock, failFast: boolean) {
    this.#pools = pools
    this.#clock = clock
    this.#failFast = failFast
  }

  /** Whom it asks. */
  get parts(): readonly object[] {
    return this.#pools
  }

  ask(query: Query, ctx: ExchangeContext, asking: Asking): void {
    const pools = this.#toAsk(ctx.trace)
    if (pools.length === 1) {
      if (ctx.trace !== null) noteAsked(ctx.trace, pools[0]!, 0)
      pools[0]!.ask(query, ctx, asking)
    } else if (pools.length > 1) new Descent(this.#clock, pools, query, ctx, asking).next()
    else asking.onFailure(new DnsError('ERR_DNS_NO_UPSTREAM', 'no pool has a member up'))
  }

  #toAsk(trace: Trace | null): readonly Pool[] {
    const pools = this.#pools
    if (pools.length === 1 && !this.#failFast) return pools
    const up = pools.filter((pool) => pool.isUp)
    const toAsk = up.length > 0 || this.#failFast ? up : pools.filter((pool) => pool.members.length > 0)
    if (trace !== null) this.#noteSkipped(trace, toAsk)
    if (toAsk.length < pools.length) for (const pool of pools) if (!pool.isUp) pool.passedBy()
    return toAsk
  }

  #noteSkipped(trace: Trace, toAsk: readonly Pool[]): void {
    for (const pool of this.#pools) {
      if (toAsk.includes(pool)) continue
      const why = pool.members.length === 0 ? 'has no members' : 'has no member up'
      trace.add({ step: 'pool', pool: pool.name, priority: pool.priority, asked: false, why })
    }
  }
}

/** `before`: how many pools were asked before it. */
function noteAsked(trace: Trace, pool: Pool, before: number): void {
  const up = before === 0 ? 'has a member up' : 'the one before it failed'
  const why = pool.isUp ? up : 'no pool has a member up: asked all the same'
  trace.add({ step: 'pool', pool: pool.name, priority: pool.priority, asked: true, why })
}

/** One query on its way down the pools. */
class Descent extends Inner {
  readonly #clock: Clock
  readonly #pools: readonly Pool[]
  readonly #query: Query
  readonly #ctx: ExchangeContext
  #at = 0
  #started: number
  #deadline: number
  #kept: Reply | null = null
  readonly #causes: unknown[] = []

  constructor(clock: Clock, pools: readonly Pool[], query: Query, ctx: ExchangeContext, asking: Asking) {
    super(asking)
    this.#clock = clock
    this.#pools = pools
    this.#query = query
    this.#ctx = ctx
    this.#started = asking.started
    this.#deadline = asking.deadline
  }

  override get started(): number {
    return this.#started
  }

  override get deadline(): number {
    return this.#deadline
  }

  next(): void {
    const pool = this.#pools[this.#at]!
    if (this.#ctx.trace !== null) noteAsked(this.#ctx.trace, pool, this.#at)
    this.#started = this.#clock.now()
    this.#deadline = Math.min(this.outer.deadline, this.#started + this.#share(pool))
    this.#at++
    pool.ask(this.#query, this.#ctx, this)
  }

  onReply(reply: Reply): void {
    if (!isPoolFailure(reply.message)) return this.outer.onReply(reply)
    this.#kept ??= reply
    this.#goOn()
  }

  onFailure(error: DnsError): void {
    if (error === CANCELLED) return this.outer.onFailure(error)
    this.#causes.push(error)
    this.#goOn()
  }

  /** As much as its attempts would get if all attempts and pools to come shared alike, so that the last one is reached. */
  #share({ reach }: Pool): number {
    const remaining = this.outer.deadline - this.#started
    const later = this.#pools.length - this.#at - 1
    if (later === 0) return remaining
    const fair = Math.max(MIN_SHARE * reach, (remaining * reach) / (reach + later))
    return Math.max(MIN_SHARE, Math.min(fair, remaining - MIN_SHARE * later))
  }

  #goOn(): void {
    if (this.#at < this.#pools.length && this.#clock.now() < this.outer.deadline) this.next()
    else if (this.#kept !== null) this.outer.onReply(this.#kept)
    else this.outer.onFailure(new AllUpstreamsFailedError('forwarder', this.#causes))
  }
}
