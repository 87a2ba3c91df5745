import type { Cancellable } from '../base/cancel.js'
import { Alarm, type Deadlines } from '../base/deadlines.js'
import { CANCELLED, TimeoutError, type DnsError } from '../errors.js'
import type { Reply } from '../exchanger.js'
import type { Asking } from '../query/sink.js'
import type { Flight, Waiter } from './flights.js'
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

/** Somebody who waits for a flight that another one began, until its own deadline. */
export class Joined extends Alarm implements Waiter, Cancellable {
  later: Waiter | null = null
  protected readonly asking: Asking
  readonly #flight: Flight
  readonly #deadlines: Deadlines
  #over = false

  constructor(flight: Flight, asking: Asking, deadlines: Deadlines) {
    super()
    this.#flight = flight
    this.asking = asking
    this.#deadlines = deadlines
  }

  /** @param until when it stops to wait, in ms; later than the flight's own deadline makes no difference */
  begin(until: number): void {
    this.#flight.join(this)
    this.asking.attach(this)
    if (!this.#over && until < this.#flight.deadline) this.#deadlines.set(this, until)
  }

  landed(reply: Reply): void {
    if (this.#end()) this.onLanded(reply)
  }

  failed(error: DnsError): void {
    if (this.#end()) this.onFailed(error)
  }

  override ring(now: number): void {
    if (!this.#end()) return
    this.#flight.leave()
    this.onLate(now)
  }

  cancel(): void {
    if (!this.#end()) return
    this.#flight.leave()
    this.asking.onFailure(CANCELLED)
  }

  protected onLanded(reply: Reply): void {
    this.asking.onReply(reply)
  }

  protected onFailed(error: DnsError): void {
    this.asking.onFailure(error)
  }

  protected onLate(now: number): void {
    this.asking.onFailure(new TimeoutError('the query under way', now - this.asking.started))
  }

  #end(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#deadlines.clear(this)
    return true
  }
}

/** One who asks anew where the flight ended without an answer for it. */
export class Patient extends Joined {
  readonly #again: () => void
  readonly #always: boolean

  /** @param always whether it also asks anew after a reply, which was to a variant of its question */
  constructor(flight: Flight, asking: Asking, deadlines: Deadlines, again: () => void, always: boolean) {
    super(flight, asking, deadlines)
    this.#again = again
    this.#always = always
  }

  protected override onLanded(reply: Reply): void {
    if (this.#always) this.#again()
    else super.onLanded(reply)
  }

  protected override onFailed(): void {
    this.#again()
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
    if (isAnswer(reply.message)) super.onLanded(reply)
    else this.#stale.give('failed')
  }

  protected override onFailed(): void {
    this.#stale.give('failed')
  }

  protected override onLate(): void {
    this.#stale.give('late')
  }
}
