import type { DnsError } from '../errors.js'
import type { Asking } from '../query/sink.js'
import { EDE } from '../wire/constants.js'
import { Message } from '../wire/message.js'

/** How long a failure is remembered, in ms: the first one, and at most, doubling in between (RFC 9520, section 3.2). */
const FIRST = 1000
const MOST = 30_000
/** A failure this long after the last one, in ms, is a first one again. */
const FORGET = 60_000
const CAPACITY = 4096

/** What came instead of an answer: an error, or a reply that is none, by its RCODE and the codes of its extended errors. */
export type FailureOutcome = { readonly error: DnsError } | { readonly rcode: number; readonly ede: readonly number[] }

/** A question that could not be answered a moment ago. */
export class Failure {
  readonly outcome: FailureOutcome
  /** How long it stands, in ms. */
  readonly delay: number
  /** Until when it stands, in ms. */
  readonly until: number
  /** The error as it is told again; null before that. */
  #error: DnsError | null = null

  constructor(outcome: FailureOutcome, delay: number, now: number) {
    this.outcome = outcome
    this.delay = delay
    this.until = now + delay
  }

  /** Tells it to `asking`, which asked `query`, marked as a cached error (RFC 8914, section 4.14). */
  tell(query: Message, asking: Asking): void {
    if ('error' in this.outcome) return asking.onFailure((this.#error ??= cachedCopy(this.outcome.error)))
    const { rcode, ede } = this.outcome
    const codes = [...new Set([EDE.CACHED_ERROR, ...ede])].map((code) => ({ code }))
    asking.onReply({ message: Message.reply(query, { rcode, ede: codes }), upstream: null, age: 0 })
  }
}

/** Which questions failed lately, so that nobody is asked again at once (RFC 9520, section 3.2). */
export class Failures {
  /** The ones that were noted longest ago come first. */
  readonly #failures = new Map<string, Failure>()

  get count(): number {
    return this.#failures.size
  }

  /** The failure that stands at `now`, in ms; null when there is none. */
  find(key: string, now: number): Failure | null {
    const failure = this.#failures.get(key)
    return failure !== undefined && now < failure.until ? failure : null
  }

  /** @param least how long it stands at least, in ms */
  note(key: string, outcome: FailureOutcome, now: number, least: number): void {
    const last = this.#failures.get(key)
    const delay = last === undefined || now > last.until + FORGET ? FIRST : Math.min(MOST, last.delay * 2)
    this.#failures.delete(key)
    this.#failures.set(key, new Failure(outcome, Math.max(delay, least), now))
    if (this.#failures.size > CAPACITY) this.#failures.delete(this.#failures.keys().next().value!)
  }

  forget(key: string): void {
    this.#failures.delete(key)
  }

  clear(): void {
    this.#failures.clear()
  }
}

/** `error` of the same class, with all that it says; those who were told it first keep theirs as it is. */
function cachedCopy(error: DnsError): DnsError {
  return Object.create(Object.getPrototypeOf(error) as object, {
    ...Object.getOwnPropertyDescriptors(error),
    // Newer engines have a getter there that knows its own error alone.
    stack: { value: error.stack, configurable: true, writable: true },
    cached: { value: true, enumerable: true },
  }) as DnsError
}
