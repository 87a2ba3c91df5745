import type { Cancellable } from '../base/cancel.js'
import { Alarm, type Deadlines } from '../base/deadlines.js'
import { CANCELLED, TimeoutError, type DnsError } from '../errors.js'
import type { Reply } from '../exchanger.js'
import type { Asking } from '../query/sink.js'
import type { Flight, Queuer, Waiter } from './flights.js'
import { isAnswer } from './lifetime.js'
import type { StaleOffer } from './stale.js'

/** The bounds of a fetch that nobody waits for. */
export class Background implements Asking {
  readonly started: number
  readonly deadline: number
  readonly timeout = undefined

  constructor(started: number, deadline: number) {
    this.started = started
    this.deadline = deadline
  }

  attach(): false {
    return false
  }

  onReply(): void {
    // Its flight's owner has kept it.
  }

  onFailure(): void {
    // Its flight's owner has noted it.
  }
}

/** Somebody who waits, until its own deadline. */
abstract class Waiting extends Alarm implements Cancellable {
  protected readonly asking: Asking
  readonly #deadlines: Deadlines
  #over = false

  constructor(asking: Asking, deadlines: Deadlines) {
    super()
    this.asking = asking
    this.#deadlines = deadlines
  }

  override ring(now: number): void {
    if (!this.end()) return
    this.leave()
    this.onLate(now)
  }

  cancel(): void {
    if (!this.end()) return
    this.leave()
    this.asking.onFailure(CANCELLED)
  }

  /** Begins to wait, until `until` at most, in ms. */
  protected wait(until: number): void {
    this.asking.attach(this)
    if (!this.#over && until < Infinity) this.#deadlines.set(this, until)
  }

  /** @returns false when it waits no longer */
  protected end(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#deadlines.clear(this)
    return true
  }

  protected onLate(now: number): void {
    this.asking.onFailure(new TimeoutError('the query under way', now - this.asking.started))
  }

  /** It stops to wait of its own accord. */
  protected abstract leave(): void
}

/** Somebody who waits for a flight that another one began. */
export class Joined extends Waiting implements Waiter {
  later: Waiter | null = null
  readonly #flight: Flight

  constructor(flight: Flight, asking: Asking, deadlines: Deadlines) {
    super(asking, deadlines)
    this.#flight = flight
  }

  /** @param until when it stops to wait, in ms; later than the flight's own deadline makes no difference */
  begin(until: number): void {
    this.#flight.join(this)
    this.wait(until < this.#flight.deadline ? until : Infinity)
  }

  landed(reply: Reply): void {
    if (this.end()) this.onLanded(reply)
  }

  failed(error: DnsError): void {
    if (this.end()) this.onFailed(error)
  }

  protected onLanded(reply: Reply): void {
    this.asking.onReply(reply)
  }

  protected onFailed(error: DnsError): void {
    this.asking.onFailure(error)
  }

  protected override leave(): void {
    this.#flight.leave()
  }
}

/** One who asks anew where the flight brought no reply: that may have been for want of time. */
export class Patient extends Joined {
  readonly #again: () => void

  constructor(flight: Flight, asking: Asking, deadlines: Deadlines, again: () => void) {
    super(flight, asking, deadlines)
    this.#again = again
  }

  protected override onFailed(): void {
    this.#again()
  }
}

/** Somebody who waits until fewer variants of its question are under way, and asks anew then. */
export class Queued extends Waiting implements Queuer {
  readonly #again: () => void

  constructor(asking: Asking, deadlines: Deadlines, again: () => void) {
    super(asking, deadlines)
    this.#again = again
  }

  begin(): void {
    this.wait(this.asking.deadline)
  }

  admit(): void {
    if (this.end()) this.#again()
  }

  protected override leave(): void {
    // It is passed over when its turn comes.
  }
}

/** One who has a stale reply at hand in case that nothing better comes in time (RFC 8767, section 5). */
export class Unhurried extends Joined {
  readonly #stale: StaleOffer

  constructor(flight: Flight, stale: StaleOffer, deadlines: Deadlines) {
    super(flight, stale.asking, deadlines)
    this.#stale = stale
  }

  protected override onLanded(reply: Reply): void {
    if (!isAnswer(reply.message)) return this.#stale.give('failed')
    this.#stale.withdraw()
    super.onLanded(reply)
  }

  protected override onFailed(): void {
    this.#stale.give('failed')
  }

  protected override onLate(): void {
    this.#stale.give('late')
  }
}
