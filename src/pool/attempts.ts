import { CancelScope } from '../base/cancel.js'
import { Alarm, type Deadlines } from '../base/deadlines.js'
import type { Clock } from '../base/clock.js'
import { AllUpstreamsFailedError, CANCELLED, DnsError } from '../errors.js'
import type { ExchangeContext, Query, Reply } from '../exchanger.js'
import { narrow } from '../query/context.js'
import { rcodeName } from '../wire/constants.js'
import type { Strategy } from '../strategy/strategy.js'
import { Draw, type LineUp } from './line-up.js'
import type { Member } from './member.js'
import { judge, type Verdict } from './verdict.js'

/** No attempt gets less than this, in ms, however many are still to come. */
const MIN_SHARE = 250
/** How long a weak reply waits for attempts that are under way, in ms. */
const WEAK_GRACE = 100

/** Why an attempt began. */
export type Reason = 'first' | 'parallel' | 'failed' | 'late' | 'hedge'

/** What searches need to know of their pool; made once per pool. */
export interface Plan {
  readonly pool: string
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly strategy: Strategy
  /** Attempts that may begin after the first wave. */
  readonly maxAttempts: number
  /** The longest one attempt, in ms, where the pool sets it. */
  readonly timeout: number | undefined
  readonly lineUp: LineUp
  /** Told of each attempt as it begins. */
  onAttempt(upstream: string, why: Reason): void
}

/**
 * The search for a reply to one query among the members of a pool: `width` attempts start at once, and one more
 * whenever one fails, is late, or its stagger has passed. The first final reply ends it; attempts under way are
 * cancelled. It settles once.
 *
 * Written by hand, since p-any costs about 13 µs a query and this one under 1 (benchmarks/micro).
 */
export class Search extends Alarm {
  readonly #plan: Plan
  readonly #query: Query
  readonly #ctx: ExchangeContext
  readonly #draw: Draw
  readonly #width: number
  /** Members that can be asked in all: the first wave and maxAttempts more, or as many as there are. */
  readonly #limit: number
  readonly #resolve: (reply: Reply) => void
  readonly #reject: (error: DnsError) => void
  #scope: CancelScope | null
  #outstanding = 0
  #newest: Member | null = null
  #hedging = false
  #over = false
  #kept: Reply | null = null
  #keptAs: Verdict = 'truncated'
  #winner: Member | null = null
  #causes: unknown[] | null = null

  constructor(
    plan: Plan,
    query: Query,
    ctx: ExchangeContext,
    resolve: (reply: Reply) => void,
    reject: (error: DnsError) => void,
  ) {
    super()
    const { lineUp, strategy, maxAttempts } = plan
    const candidates = lineUp.front.length + lineUp.back.length
    this.#plan = plan
    this.#query = query
    this.#ctx = ctx
    this.#draw = new Draw(lineUp, strategy, query)
    this.#width = Math.max(1, Math.min(strategy.width(candidates), candidates))
    this.#limit = Math.min(candidates, this.#width + maxAttempts)
    this.#resolve = resolve
    this.#reject = reject
    this.#scope = this.#limit === 1 ? ctx.scope : new CancelScope()
  }

  /** Attempts begun so far. */
  get attempts(): number {
    return this.#draw.count
  }

  begin(): void {
    if (this.#limit > 1) this.#ctx.scope?.attach({ cancel: () => this.#abandon() })
    if (this.#over) return
    this.#start('first')
    while (!this.#over && this.attempts < this.#width && this.#start('parallel'));
    if (this.attempts === 0 && !this.#over) this.#end(() => this.#reject(this.#nobody()))
  }

  /** The newest attempt is late, its stagger has passed, or a weak reply has waited long enough. */
  override ring(now: number): void {
    if (this.#over) return
    if (this.#keptAs === 'weak') return this.#conclude()
    const hedge = this.#hedging
    if (hedge && this.#plan.strategy.mayHedge?.(now) === false) return this.#watchNewest(now, false)
    this.#start(hedge ? 'hedge' : 'late')
  }

  #start(why: Reason): boolean {
    const now = this.#plan.clock.now()
    if (this.attempts >= this.#limit || (this.attempts > 0 && now >= this.#ctx.deadline)) return false
    const member = this.#drawNext()
    if (member === null) return false
    this.#outstanding++
    this.#newest = member
    this.#plan.onAttempt(member.name, why)
    this.#ctx.trace?.add({ step: 'attempt', pool: this.#plan.pool, upstream: member.name, why })
    this.#ask(member, now, why === 'hedge')
    if (!this.#over) this.#watchNewest(now, true)
    return true
  }

  #ask(member: Member, now: number, hedge: boolean): void {
    const ctx = narrow(this.#ctx, now + this.#share(now), this.#scope, this.#plan.timeout ?? this.#ctx.timeout)
    member.exchange(this.#query, ctx).then(
      (reply) => {
        this.#onReply(member, reply)
        this.#tell(member, now, hedge, 'reply')
      },
      (error: unknown) => {
        this.#onFailure(error)
        this.#tell(member, now, hedge, error === CANCELLED ? 'cancelled' : 'failure')
      },
    )
  }

  /** What remains, divided by the members still to try (semantics.md calls it the attempt's own end). */
  #share(now: number): number {
    const left = this.attempts <= this.#width ? this.#limit - this.#width + 1 : this.#limit - this.attempts + 1
    return left === 1 ? Infinity : Math.max(MIN_SHARE, (this.#ctx.deadline - now) / left)
  }

  /** Sets the alarm for the newest attempt: its stagger, unless `mayStagger` is false, or when it is late. */
  #watchNewest(now: number, mayStagger: boolean): void {
    const { strategy, deadlines, lineUp } = this.#plan
    const newest = this.#newest
    if (newest === null || this.attempts >= this.#limit || this.attempts < this.#width) return
    const remaining = this.#ctx.deadline - now
    const stagger = mayStagger ? strategy.stagger(newest, { remaining, now, candidates: lineUp.front }) : Infinity
    const late = this.#width === 1 ? newest.rto : Infinity
    this.#hedging = stagger < late
    const wait = Math.min(stagger, late)
    if (wait < remaining) deadlines.set(this, now + wait)
  }

  #onReply(member: Member, reply: Reply): void {
    this.#outstanding--
    if (this.#over) return
    const verdict = judge(reply.message)
    const ends = verdict === 'final' || (verdict === 'weak' && this.#outstanding === 0)
    this.#ctx.trace?.add({
      step: 'verdict',
      pool: this.#plan.pool,
      upstream: reply.upstream,
      why: `${rcodeName(reply.message.rcode)}: ${WHY[verdict]}`,
    })
    if (ends) {
      this.#winner = member
      return this.#end(() => this.#resolve(reply))
    }
    this.#keep(reply, verdict)
    this.#goOn()
  }

  #onFailure(error: unknown): void {
    this.#outstanding--
    if (this.#over) return
    if (error === CANCELLED && this.#ctx.scope?.cancelled === true) return this.#abandon()
    ;(this.#causes ??= []).push(error)
    this.#goOn()
  }

  /** An attempt ended without a final reply. */
  #goOn(): void {
    if (this.#keptAs === 'weak') {
      if (this.#outstanding === 0) return this.#conclude()
      return this.#plan.deadlines.set(this, this.#plan.clock.now() + WEAK_GRACE)
    }
    if (!this.#start('failed') && this.#outstanding === 0) this.#conclude()
  }

  /** The first reply of the best kind is kept. */
  #keep(reply: Reply, verdict: Verdict): void {
    if (this.#kept !== null && RANK[verdict] >= RANK[this.#keptAs]) return
    this.#kept = reply
    this.#keptAs = verdict
  }

  /** Nobody is left to ask. */
  #conclude(): void {
    const kept = this.#kept
    if (kept === null)
      this.#end(() => this.#reject(new AllUpstreamsFailedError(`pool ${this.#plan.pool}`, this.#causes ?? [])))
    else this.#end(() => this.#resolve(kept))
  }

  /** The caller lost interest. */
  #abandon(): void {
    this.#end(() => this.#reject(CANCELLED))
  }

  #end(settle: () => void): void {
    if (this.#over) return
    this.#over = true
    this.#plan.deadlines.clear(this)
    settle()
    if (this.#outstanding > 0 && this.#limit > 1) this.#scope?.cancel()
  }

  #tell(member: Member, started: number, hedge: boolean, result: 'reply' | 'failure' | 'cancelled'): void {
    const { strategy, clock } = this.#plan
    if (strategy.settled === undefined) return
    const now = clock.now()
    strategy.settled({ candidate: member, result, elapsed: now - started, won: this.#winner === member, hedge, now })
  }

  /** A strategy may be a user's own: what it throws fails the query, not the process. */
  #drawNext(): Member | null {
    try {
      return this.#draw.next()
    } catch (cause) {
      const { pool, strategy } = this.#plan
      this.#end(() =>
        this.#reject(
          new DnsError('ERR_DNS_NO_UPSTREAM', `pool ${pool}: strategy ${strategy.name} threw in order()`, { cause }),
        ),
      )
      return null
    }
  }

  #nobody(): DnsError {
    const { pool, lineUp } = this.#plan
    if (lineUp.members.length === 0) return new DnsError('ERR_DNS_NO_UPSTREAM', `pool ${pool} has no upstream`)
    if (lineUp.members.some((member) => member.hasRoom))
      return new DnsError('ERR_DNS_NO_UPSTREAM', `pool ${pool}: its strategy offered nobody to ask`)
    return new DnsError('ERR_DNS_OVERLOADED', `pool ${pool}: every upstream is at its maxOutstanding`)
  }
}

const RANK: Record<Verdict, number> = { final: 0, weak: 1, poor: 2, truncated: 3 }
const WHY: Record<Verdict, string> = {
  final: 'ends the search',
  weak: 'no data and no SOA, kept while others are under way',
  poor: 'tries on, kept in case nobody does better',
  truncated: 'no transport could complete it, tries on',
}
