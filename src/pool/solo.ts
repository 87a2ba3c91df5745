import { AllUpstreamsFailedError, CANCELLED, type DnsError } from '../errors.js'
import type { ExchangeContext, Query, Reply } from '../exchanger.js'
import { Inner, type Asking } from '../query/sink.js'
import type { Plan } from './attempts.js'
import { nobody, threw } from './failures.js'
import type { Member } from './member.js'
import { noteVerdict } from './verdict.js'

/** The search where there is one member to ask: no order, no alarm, no scope of its own. */
export class Solo extends Inner {
  readonly #plan: Plan
  readonly #ctx: ExchangeContext
  #member: Member | null = null

  constructor(plan: Plan, ctx: ExchangeContext, asking: Asking) {
    super(asking)
    this.#plan = plan
    this.#ctx = ctx
  }

  override get timeout(): number | undefined {
    return this.#plan.timeout ?? this.outer.timeout
  }

  /** @param front the one member */
  begin(query: Query, front: readonly Member[]): void {
    const { strategy, onAttempt } = this.#plan
    let member: Member | null
    try {
      member = firstOf(strategy.order(front, query))
    } catch (cause) {
      return this.#fail(threw(this.#plan, 'order', cause), 0)
    }
    if (member === null || !member.hasRoom) return this.#fail(nobody(this.#plan), 0)
    this.#member = member
    onAttempt(member.name, 'first')
    this.#ctx.trace?.add({ step: 'attempt', pool: this.#plan.pool, upstream: member.name, why: 'first' })
    member.ask(query, this.#ctx, this)
  }

  onReply(reply: Reply): void {
    noteVerdict(this.#ctx.trace, this.#plan.pool, reply, null)
    const broken = this.#tell('reply')
    if (broken !== null) return this.#fail(broken, 1)
    this.#plan.onReply(reply, this.started, 1)
    this.outer.onReply(reply)
  }

  onFailure(error: DnsError): void {
    const broken = this.#tell(error === CANCELLED ? 'cancelled' : 'failure')
    const end = error === CANCELLED ? error : new AllUpstreamsFailedError(`pool ${this.#plan.pool}`, [error])
    this.#fail(broken ?? end, 1)
  }

  #fail(error: DnsError, attempts: number): void {
    this.#plan.onFailure(error, this.started, attempts)
    this.outer.onFailure(error)
  }

  /** @returns what the strategy threw, if it did */
  #tell(result: 'reply' | 'failure' | 'cancelled'): DnsError | null {
    const { strategy, clock } = this.#plan
    if (strategy.settled === undefined) return null
    const now = clock.now()
    const elapsed = now - this.started
    try {
      strategy.settled({ candidate: this.#member!, result, elapsed, won: result === 'reply', hedge: false, now })
      return null
    } catch (cause) {
      return threw(this.#plan, 'settled', cause)
    }
  }
}

function firstOf(order: Iterable<Member>): Member | null {
  if (Array.isArray(order)) return (order as readonly Member[])[0] ?? null
  const { done, value } = order[Symbol.iterator]().next() as IteratorResult<Member, undefined>
  return done === true ? null : value
}
