import { CancelScope, type Cancellable } from '../base/cancel.js'
import { DnsError } from '../errors.js'
import type { Desk } from './desk.js'

/**
 * One call of a resolver under way. It ends once. The desk's list runs through it: a Set would keep what is over alive
 * until the next full collection, which costs 2 µs a query.
 */
export abstract class Task implements Cancellable {
  before: Task | null = null
  after: Task | null = null
  protected readonly desk: Desk
  #signal: AbortSignal | null = null
  #release: (() => void) | null = null
  #over = false

  constructor(desk: Desk) {
    this.desk = desk
  }

  get over(): boolean {
    return this.#over
  }

  /** Cancels this when `signal` aborts, at once if it has. */
  follow(signal: AbortSignal): void {
    this.#signal = signal
    const { scope, release } = CancelScope.fromSignal(signal)
    this.#release = release
    scope.attach(this)
  }

  cancel(): void {
    const cause: unknown = this.#signal?.aborted === true ? this.#signal.reason : undefined
    this.abandon(new DnsError('ERR_DNS_CANCELLED', 'the query was cancelled', cause === undefined ? {} : { cause }))
  }

  /** Asks, unless it is over. */
  abstract ask(): void

  /** Nobody can be asked, by `error`. */
  abstract onFailure(error: DnsError): void

  /** Ends it with `error`, and what it asked for. Does nothing once it is over. */
  abstract abandon(error: DnsError): void

  /** @returns whether it wasn't over yet; it is now */
  protected finish(): boolean {
    if (this.#over) return false
    this.#over = true
    this.#release?.()
    this.desk.leave(this)
    return true
  }
}
