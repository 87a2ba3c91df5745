import type { Trace } from '../exchanger.js'
import type { Asking } from '../query/sink.js'
import { EDE, RCODE } from '../wire/constants.js'
import { Message } from '../wire/message.js'
import type { StaleReason } from './events.js'
import { clampTtls } from './lifetime.js'
import type { Memory } from './memory.js'
import { copyWith } from './octets.js'

/** The TTL of what is served stale, in seconds (RFC 8767, section 4). */
const STALE_TTL = 30

/** A reply whose time is over, at hand for one query in case that nothing better comes. */
export class StaleOffer {
  readonly asking: Asking
  readonly #memory: Memory
  readonly #query: Message
  readonly #message: Message
  readonly #age: number
  readonly #trace: Trace | null

  /**
   * @param age seconds since it was received
   */
  constructor(memory: Memory, query: Message, message: Message, age: number, to: StaleReceiver) {
    this.#memory = memory
    this.#query = query
    this.#message = message
    this.#age = age
    this.asking = to.asking
    this.#trace = to.trace
  }

  give(why: StaleReason): void {
    const event = { query: this.#query, age: this.#age, why }
    this.#memory.counts.stale++
    this.#trace?.add({ step: 'cache', result: 'stale', age: this.#age })
    this.#memory.reporter.report('stale', () => event)
    this.asking.onReply({ message: staleReply(this.#message), upstream: null, age: 0 })
  }

  /** Something better came, so that it is as if nothing had been known; the trace says so already. */
  withdraw(): void {
    this.#memory.tell('miss', this.#query, 0, null)
  }
}

/** Who is given it. */
interface StaleReceiver {
  readonly asking: Asking
  readonly trace: Trace | null
}

/**
 * The reply `message` as it is served after its time: every TTL 30 s, and with the extended error that says so (RFC 8914,
 * sections 4.4 and 4.20).
 */
function staleReply(message: Message): Message {
  const code = message.rcode === RCODE.NXDOMAIN ? EDE.STALE_NXDOMAIN_ANSWER : EDE.STALE_ANSWER
  const octets = copyWith(message, [{ code, text: '' }, ...message.ede], message.subnet)
  const stale = Message.read(octets) ?? message
  clampTtls(octets, stale.layout, STALE_TTL, STALE_TTL)
  return Message.read(octets) ?? message
}
