import type { Random } from '../base/clock.js'
import type { Query } from '../exchanger.js'
import type { Strategy } from '../strategy/strategy.js'
import type { Member } from './member.js'

/** Who is to be asked at one moment. */
export interface Standing {
  /** Those to ask first; all members when none is up. */
  readonly front: readonly Member[]
  /** Those under suspicion, to ask after {@link front}; never more than half of the members. */
  readonly back: readonly Member[]
}

const NOBODY: readonly Member[] = []

/**
 * The members of a pool as they stand: who is up, and who of those is asked last because evidence speaks against it.
 * Worked out anew only when a member's standing changed, or while there is a suspicion, which lapses by itself.
 */
export class LineUp {
  readonly #members: readonly Member[]
  #standing: Standing = { front: NOBODY, back: NOBODY }
  #stale = true

  constructor(members: readonly Member[]) {
    this.#members = members
  }

  /** Every member, up or not, in the order given. */
  get members(): readonly Member[] {
    return this.#members
  }

  /** As it is now. A query goes by one throughout: read twice, a member whose trial falls due in between is lost. */
  get standing(): Standing {
    if (this.#stale) this.#refresh()
    return this.#standing
  }

  get front(): readonly Member[] {
    return this.standing.front
  }

  get back(): readonly Member[] {
    return this.standing.back
  }

  /** Whether any member is not asked, or last, since it is down or under suspicion. */
  get anyPassedBy(): boolean {
    return this.standing.front.length < this.#members.length
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
    const up = this.#members.filter((member) => member.isUp)
    const asked = up.length > 0 ? up : this.#members
    const back = asked.filter((member) => member.suspected).slice(0, asked.length >> 1)
    const front = back.length === 0 ? asked : asked.filter((member) => !back.includes(member))
    this.#standing = { front, back }
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
  /** As it stood when the query began: who moves between front and back meanwhile is neither asked twice nor left out. */
  #back: readonly Member[]
  /** What decides whether a member that is back from down gets this query; null: it always does. */
  readonly #ramp: Random | null
  readonly #note: ((member: Member, why: string) => void) | null
  #from: Iterator<Member> | null = null
  #phase: 'front' | 'back' | 'skipped' | 'done' = 'front'
  #here: readonly Member[]
  #steps = 0
  /** Passed over for their `qps`; null once anybody was drawn. */
  #skipped: readonly Member[] | null = NOBODY

  /** @param note told of each member that is passed over, and why; null where nobody asks */
  constructor(
    { front, back }: Standing,
    strategy: Strategy,
    query: Query,
    ramp: Random | null,
    note: ((member: Member, why: string) => void) | null = null,
  ) {
    this.#strategy = strategy
    this.#query = query
    this.#here = front
    this.#back = back
    this.#ramp = ramp
    this.#note = note
  }

  /** The next member to ask, or null when all have been. @throws whatever the strategy throws */
  next(): Member | null {
    while (this.#phase !== 'done') {
      const member = this.#step()
      if (member === null) this.#nextPhase()
      else if (this.#isSpared(member)) {
        this.#back = [...this.#back, member]
        this.#note?.(member, 'for now: it is coming back from down')
      } else if (this.#phase === 'skipped' || member.available) {
        this.#skipped = null
        return member
      } else this.#skip(member)
    }
    return null
  }

  #skip(member: Member): void {
    const { hasRoom } = member
    if (hasRoom && this.#skipped !== null) this.#skipped = [...this.#skipped, member]
    this.#note?.(member, hasRoom ? 'at its qps' : 'at its maxOutstanding')
  }

  /** Whether a member that is back from down is left for later, so as not to be overrun. */
  #isSpared({ share }: Member): boolean {
    return share < 1 && this.#ramp !== null && this.#phase === 'front' && this.#ramp() >= share
  }

  /** The strategy's next, which may be a user's own: at most as many as there are members. */
  #step(): Member | null {
    if (this.#steps++ >= this.#here.length) return null
    this.#from ??= this.#order()
    const step = this.#from.next() as IteratorResult<Member, undefined>
    return step.done === true ? null : step.value
  }

  #order(): Iterator<Member> {
    const order = this.#phase === 'skipped' ? this.#here : this.#strategy.order(this.#here, this.#query)
    return order[Symbol.iterator]()
  }

  #nextPhase(): void {
    this.#from = null
    this.#steps = 0
    if (this.#phase === 'front') {
      this.#phase = 'back'
      this.#here = this.#back
    } else if (this.#phase === 'back' && this.#skipped !== null) {
      this.#phase = 'skipped'
      this.#here = this.#skipped
    } else this.#phase = 'done'
  }
}
