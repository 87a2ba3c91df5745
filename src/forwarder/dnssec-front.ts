import type { ExchangeContext, Query, Reply } from '../exchanger.js'
import type { DnsError } from '../errors.js'
import { Inner, type Asked, type Asking } from '../query/sink.js'
import { RCODE } from '../wire/constants.js'

/** Asks `next` with DO whatever clients set, and gives them what belongs to what they set. Nothing is validated. */
export class DnssecFront implements Asked {
  readonly #next: Asked

  constructor(next: Asked) {
    this.#next = next
  }

  /** @internal */
  ask(query: Query, ctx: ExchangeContext, asking: Asking): void {
    const message = query.message.askingDnssec()
    if (message === query.message) return this.#next.ask(query, ctx, asking)
    const askPlain = (): void => this.#next.ask(query, ctx, asking)
    this.#next.ask({ message }, ctx, new Without(asking, query, askPlain))
  }
}

class Without extends Inner {
  readonly #query: Query
  readonly #askPlain: () => void

  constructor(asking: Asking, query: Query, askPlain: () => void) {
    super(asking)
    this.#query = query
    this.#askPlain = askPlain
  }

  onReply(reply: Reply): void {
    const { message, upstream, age } = reply
    const { rcode } = message
    // A server without EDNS, which was only asked with it for our sake (RFC 6891, section 7).
    if ((rcode === RCODE.FORMERR || rcode === RCODE.NOTIMP) && !message.hasOpt) return this.#askPlain()
    const own = message.withoutDnssec(this.#query.message)
    this.outer.onReply(own === message ? reply : { message: own, upstream, age })
  }

  onFailure(error: DnsError): void {
    this.outer.onFailure(error)
  }
}
