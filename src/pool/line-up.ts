import type { Query } from '../exchanger.js'
import type { Strategy } from '../strategy/strategy.js'
import type { Member } from './member.js'

/**
 * The members of a pool as they stand: who is up, and who of those is asked last because evidence speaks against it.
 * Worked out anew only when a member's standing changed, or while there is a suspicion, which lapses by itself.
 */
export class LineUp {
  readonly #members: readonly Member[]
  #front: readonly Member[] = []
  #back: readonly Member[] = []
  #stale = true

  constructor(members: readonly Member[]) {
    this.#members = members
  }

  /** Every member, up or not, in the order given. */
  get members(): readonly Member[] {
    return this.#members
  }

  /** Those to ask first; all members when none is up. */
  get front(): readonly Member[] {
    this.#refresh()
    return this.#front
  }

  /** Those under suspicion, to ask after {@link front}; never more than half of the members. */
  get back(): readonly Member[] {
    this.#refresh()
    return this.#back
  }

  /** Whether any member is up. */
  get anyUp(): boolean {
    return this.#members.some((member) => member.isUp)
  }

  /** A member's standing may have changed. */
  readonly changed = (): void => {
    this.#stale = true
  }

  #refresh(): void {
    if (!this.#stale) return
    const up = this.#members.filter((member) => member.isUp)
    const asked = up.length > 0 ? up : this.#members
    const back = asked.filter((member) => member.suspected).slice(0, asked.length >> 1)
    this.#front = back.length === 0 ? asked : asked.filter((member) => !back.includes(member))
    this.#back = back
    this.#stale = back.length > 0
  }
}

/**
 * Draws members one at a time for one query: in the strategy's order, passing over those that are at a limit, then
 * those under suspicion; if all are at their `qps`, as if they weren't.
 */
export class Draw {
  readonly #query: Query
  readonly #strategy: Strategy
  readonly #lineUp: LineUp
  readonly #drawn: Member[] = []
  #from: Iterator<Member> | null
  #phase: 'front' | 'back' | 'anyone' | 'done' = 'front'
  #here: readonly Member[]

  constructor(lineUp: LineUp, strategy: Strategy, query: Query) {
    this.#lineUp = lineUp
    this.#strategy = strategy
    this.#query = query
    this.#here = lineUp.front
    this.#from = null
  }

  /** Members drawn so far. */
  get count(): number {
    return this.#drawn.length
  }

  /** The next member to ask, or null when all have been. @throws whatever the strategy throws */
  next(): Member | null {
    while (this.#phase !== 'done') {
      this.#from ??= this.#order()
      const step = this.#here.length === 0 ? null : this.#from.next()
      if (step === null || step.done === true || this.#drawn.includes(step.value)) this.#nextPhase()
      else if (this.#mayAsk(step.value)) {
        this.#drawn.push(step.value)
        return step.value
      }
    }
    return null
  }

  #mayAsk(member: Member): boolean {
    return this.#phase === 'anyone' ? member.hasRoom : member.available
  }

  #order(): Iterator<Member> {
    return this.#strategy.order(this.#here, this.#query)[Symbol.iterator]()
  }

  #nextPhase(): void {
    this.#from = null
    if (this.#phase === 'front') {
      this.#phase = 'back'
      this.#here = this.#lineUp.back
    } else if (this.#phase === 'back' && this.#drawn.length === 0) {
      this.#phase = 'anyone'
      this.#here = this.#lineUp.members
    } else this.#phase = 'done'
  }
}
