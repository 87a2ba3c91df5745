import type { Cancellable } from '../base/cancel.js'
import type { Clock, Random } from '../base/clock.js'
import { Alarm, type Deadlines } from '../base/deadlines.js'
import { AllUpstreamsFailedError, CANCELLED, type DnsError } from '../errors.js'
import type { ExchangeContext, Query, Reply } from '../exchanger.js'
import type { Asking } from '../query/sink.js'
import type { Strategy } from '../strategy/strategy.js'
import { nobody, threw } from './failures.js'
import { Draw, type LineUp, type Standing } from './line-up.js'
import type { Member } from './member.js'
import { Solo } from './solo.js'
import { judge, noteVerdict, type Verdict } from './verdict.js'

/** No attempt gets less than this, in ms, however many are still to come. */
const MIN_SHARE = 250
/** How long a weak reply waits for attempts that are under way, in ms. */
const WEAK_GRACE = 100

/** Why an attempt began. */
export type AttemptReason = 'first' | 'parallel' | 'failed' | 'late' | 'hedge'

/** What searches need to know of their pool; made once for a set of members. */
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
  /** What decides whether a member that is back from down gets a query; null: it gets its whole share at once. */
  readonly ramp: Random | null
  /** Told of each attempt as it begins. */
  onAttempt(upstream: string, why: AttemptReason): void
  /** Told of each query's end. */
  onReply(reply: Reply, started: number, attempts: number): void
  onFailure(error: DnsError, started: number, attempts: number): void
}

/** Asks the members of a pool for a reply to `query`, and tells `asking` the end. */
export function search(plan: Plan, query: Query, ctx: ExchangeContext, asking: Asking): void {
  const { standing } = plan.lineUp
  if (standing.front.length + standing.back.length === 1) new Solo(plan, ctx, asking).begin(query, standing.front)
  else Search.of(plan, standing, query, ctx, asking)?.begin()
}

/**
 * The search for a reply to one query among the members of a pool: `width` attempts start at once, and one more
 * whenever one fails, is late, or its stagger has passed. The first final reply ends it; attempts under way are
 * cancelled. It settles once.
 *
 * Written by hand, since p-any costs about 13 µs a query and this one under 1 (benchmarks/micro).
 */
class Search extends Alarm implements Cancellable {
  readonly plan: Plan
  readonly asking: Asking
  #tries: Try | null = null
  readonly #query: Query
  readonly #ctx: ExchangeContext
  /** Null once nobody more can be asked. */
  #draw: Draw | null
  #count = 0
  readonly #width: number
  /** Members that can be asked in all: the first wave and maxAttempts more, or as many as there are. */
  readonly #limit: number
  #outstanding = 0
  #newest: Member | null = null
  #hedging = false
  #over = false
  #kept: Reply | null = null
  #keptAs: Verdict = 'truncated'
  #causes: unknown[] | null = null

  constructor(plan: Plan, standing: Standing, query: Query, ctx: ExchangeContext, asking: Asking) {
    super()
    const { strategy, maxAttempts, ramp } = plan
    const candidates = standing.front.length + standing.back.length
    this.plan = plan
    this.asking = asking
    this.#query = query
    this.#ctx = ctx
    this.#draw = new Draw(standing, strategy, query, ramp, noteSkips(plan, ctx))
    this.#width = Math.max(1, Math.min(strategy.width(candidates) || 1, candidates))
    this.#limit = Math.min(candidates, this.#width + maxAttempts)
  }

  /** Null, and `asking` has been told, when the strategy throws. */
  static of(plan: Plan, standing: Standing, query: Query, ctx: ExchangeContext, asking: Asking): Search | null {
    try {
      return new Search(plan, standing, query, ctx, asking)
    } catch (cause) {
      const error = threw(plan, 'width', cause)
      plan.onFailure(error, asking.started, 0)
      asking.onFailure(error)
      return null
    }
  }

  begin(): void {
    this.asking.attach(this)
    if (!this.#over) this.#start('first')
    while (!this.#over && this.#count < this.#width && this.#start('parallel'));
    if (this.#count === 0 && !this.#over) this.#end(null, nobody(this.plan))
  }

  /** The newest attempt is late, its stagger has passed, or a weak reply has waited long enough. */
  override ring(now: number): void {
    if (this.#over) return
    if (this.#keptAs === 'weak') return this.#conclude()
    const hedge = this.#hedging
    if (hedge && !this.#mayHedge(now)) this.#watchNewest(now, false)
    else this.#start(hedge ? 'hedge' : 'late')
  }

  /** The caller lost interest. */
  cancel(): void {
    this.#end(null, CANCELLED)
  }

  onReply(attempt: Try, reply: Reply): void {
    this.#outstanding--
    const verdict = this.#over ? null : judge(reply.message)
    const wins = verdict === 'final' || (verdict === 'weak' && this.#outstanding === 0)
    // Told before anybody else is asked: what was learned may decide who.
    this.#tell(attempt, 'reply', wins)
    if (verdict !== null && !this.#over) this.#take(reply, verdict, wins)
  }

  onFailure(attempt: Try, error: DnsError): void {
    this.#outstanding--
    this.#tell(attempt, error === CANCELLED ? 'cancelled' : 'failure', false)
    if (this.#over) return
    ;(this.#causes ??= []).push(error)
    this.#goOn()
  }

  #start(why: AttemptReason): boolean {
    const { plan } = this
    const now = plan.clock.now()
    if (this.#count >= this.#limit || (this.#count > 0 && now >= this.asking.deadline)) return false
    const member = this.#drawNext()
    if (member === null) return false
    this.#outstanding++
    if (++this.#count >= this.#limit) this.#draw = null
    this.#newest = member
    plan.onAttempt(member.name, why)
    this.#ctx.trace?.add({ step: 'attempt', pool: plan.pool, upstream: member.name, why })
    const attempt = new Try(this, member, now, this.#endFor(now), why === 'hedge')
    attempt.before = this.#tries
    this.#tries = attempt
    member.ask(this.#query, this.#ctx, attempt)
    if (!this.#over) this.#watchNewest(now, true)
    return true
  }

  /** The end of an attempt that begins now: what remains, divided by the members still to try. */
  #endFor(now: number): number {
    const { deadline } = this.asking
    const left = this.#limit - Math.max(this.#count, this.#width) + 1
    return left === 1 ? deadline : Math.min(deadline, now + Math.max(MIN_SHARE, (deadline - now) / left))
  }

  /** Sets the alarm for the newest attempt: its stagger, unless `mayStagger` is false, or when it is late. */
  #watchNewest(now: number, mayStagger: boolean): void {
    const newest = this.#newest
    if (newest === null || this.#over || this.#count >= this.#limit || this.#count < this.#width) return
    const remaining = this.asking.deadline - now
    const stagger = mayStagger ? this.#staggerAfter(newest, remaining, now) : Infinity
    const late = this.#width === 1 ? newest.rto : Infinity
    this.#hedging = stagger < late
    const wait = this.#hedging ? stagger : late
    if (wait < remaining && !this.#over) this.plan.deadlines.set(this, (this.#tries?.started ?? now) + wait)
  }

  #take(reply: Reply, verdict: Verdict, wins: boolean): void {
    noteVerdict(this.#ctx.trace, this.plan.pool, reply, verdict)
    if (wins) return this.#end(reply, null)
    if (this.#kept === null || RANK[verdict] < RANK[this.#keptAs]) {
      this.#kept = reply
      this.#keptAs = verdict
    }
    this.#goOn()
  }

  /** An attempt ended without a final reply. */
  #goOn(): void {
    if (this.#keptAs === 'weak' && this.#outstanding > 0) {
      this.plan.deadlines.set(this, this.plan.clock.now() + WEAK_GRACE)
    } else if ((this.#keptAs === 'weak' || !this.#start('failed')) && this.#outstanding === 0) this.#conclude()
  }

  /** Nobody is left to ask: the first reply of the best kind, if there was any. */
  #conclude(): void {
    const kept = this.#kept
    this.#end(kept, kept === null ? new AllUpstreamsFailedError(`pool ${this.plan.pool}`, this.#causes ?? []) : null)
  }

  #end(reply: Reply | null, error: DnsError | null): void {
    if (this.#over) return
    this.#over = true
    this.plan.deadlines.clear(this)
    if (this.#outstanding > 0) for (let one = this.#tries; one !== null; one = one.before) one.cancel()
    if (reply !== null) {
      this.plan.onReply(reply, this.asking.started, this.#count)
      this.asking.onReply(reply)
    } else {
      this.plan.onFailure(error!, this.asking.started, this.#count)
      this.asking.onFailure(error!)
    }
  }

  #tell(attempt: Try, result: 'reply' | 'failure' | 'cancelled', won: boolean): void {
    const { strategy, clock } = this.plan
    if (strategy.settled === undefined) return
    const now = clock.now()
    const { member, started, hedge } = attempt
    try {
      strategy.settled({ candidate: member, result, elapsed: now - started, won, hedge, now })
    } catch (cause) {
      this.#end(null, threw(this.plan, 'settled', cause))
    }
  }

  // A strategy may be a user's own: what it throws fails the query, not the process.

  #staggerAfter(newest: Member, remaining: number, now: number): number {
    const { strategy, lineUp } = this.plan
    try {
      return strategy.stagger(newest, { remaining, now, candidates: lineUp.front })
    } catch (cause) {
      this.#end(null, threw(this.plan, 'stagger', cause))
      return Infinity
    }
  }

  #mayHedge(now: number): boolean {
    try {
      return this.plan.strategy.mayHedge?.(now) !== false
    } catch (cause) {
      this.#end(null, threw(this.plan, 'mayHedge', cause))
      return false
    }
  }

  #drawNext(): Member | null {
    try {
      return this.#draw === null ? null : this.#draw.next()
    } catch (cause) {
      this.#end(null, threw(this.plan, 'order', cause))
      return null
    }
  }
}

/** One attempt of a search. */
class Try implements Asking, Cancellable {
  readonly member: Member
  readonly deadline: number
  readonly hedge: boolean
  /** The attempt that began before this one. */
  before: Try | null = null
  readonly #search: Search
  /** Since the search began, in µs: a whole number stays off the heap. */
  readonly #offset: number
  #target: Cancellable | null = null

  constructor(search: Search, member: Member, started: number, deadline: number, hedge: boolean) {
    this.#search = search
    this.member = member
    this.#offset = Math.round((started - search.asking.started) * 1000)
    this.deadline = Math.ceil(deadline)
    this.hedge = hedge
  }

  get started(): number {
    return this.#search.asking.started + this.#offset / 1000
  }

  get timeout(): number | undefined {
    return this.#search.plan.timeout ?? this.#search.asking.timeout
  }

  attach(target: Cancellable): boolean {
    this.#target = target
    return true
  }

  cancel(): void {
    const target = this.#target
    this.#target = null
    target?.cancel()
  }

  onReply(reply: Reply): void {
    this.#target = null
    this.#search.onReply(this, reply)
  }

  onFailure(error: DnsError): void {
    this.#target = null
    this.#search.onFailure(this, error)
  }
}

function noteSkips({ pool }: Plan, { trace }: ExchangeContext): ((member: Member, why: string) => void) | null {
  if (trace === null) return null
  return ({ name }, why) => trace.add({ step: 'skip', pool, upstream: name, why })
}

const RANK: Record<Verdict, number> = { final: 0, weak: 1, poor: 2, truncated: 3 }
