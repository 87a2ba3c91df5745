import type { AddressInput } from '../address/address.js'
import { reject } from '../base/options.js'
import { DnsError, MalformedMessageError } from '../errors.js'
import type { Exchanger, ExchangeContext, Query, Reply } from '../exchanger.js'
import { closedFailure } from '../transport/failure.js'
import type { Channel, Pending } from '../transport/pending.js'
import type { Transport } from '../transport/transport.js'
import { echoesSubnet } from '../wire/edns.js'
import { Message } from '../wire/message.js'
import { Attempt } from './attempt.js'

/** What a user writes in place of a server: a reply, or the message of one. */
export type ExchangeFunction = (query: Query, ctx: ExchangeContext) => Promise<Reply | Message> | Reply | Message

/** A server written in code: what {@link Upstream} takes in place of an address. */
export interface FunctionUpstream {
  readonly name: string
  readonly exchange: ExchangeFunction
}

/** The largest UDP reply that we say we take, octets, where the client doesn't say. */
const PAYLOAD_SIZE = 1232

/** Whether `target` is code rather than an address. */
export function isFunctionUpstream(target: AddressInput | FunctionUpstream): target is FunctionUpstream {
  return typeof target === 'object' && target !== null && 'exchange' in target
}

/** @throws {InvalidOptionError} it can't be asked, or has no name to go by where none is `given` */
export function checkFunction({ name, exchange }: FunctionUpstream, given: string | null): void {
  if (typeof exchange !== 'function') reject('Upstream', 'exchange', exchange, 'a function')
  if (given === null && (typeof name !== 'string' || name === ''))
    reject(
      'Upstream',
      'name',
      name,
      'a string that is not empty: an exchanger goes by it, and names are unique in a pool',
    )
}

/**
 * A user's own exchanger in the place of a transport: its replies are judged like anybody's. It may go on after its
 * attempt is over, or never settle: nobody waits for it then.
 */
export class FunctionTransport implements Transport, Channel {
  readonly #name: string
  readonly #exchange: ExchangeFunction
  readonly #attempts = new Set<Pending>()

  constructor(name: string, exchanger: Pick<Exchanger, never> & { readonly exchange: ExchangeFunction }) {
    this.#name = name
    this.#exchange = (query, ctx) => exchanger.exchange(query, ctx)
  }

  get size(): number {
    return this.#attempts.size
  }

  send(pending: Pending): void {
    if (!(pending instanceof Attempt)) return
    this.#attempts.add(pending)
    pending.channel = this
    void this.#ask(pending)
  }

  drop(pending: Pending): boolean {
    return this.#attempts.delete(pending)
  }

  renew(): void {}

  /** There is nothing to close: an upstream closes its transports once its attempts have settled. */
  close(): Promise<void> {
    return Promise.resolve()
  }

  destroy(): void {
    for (const attempt of [...this.#attempts])
      if (this.drop(attempt)) attempt.onFailure(closedFailure({ name: this.#name }))
  }

  async #ask(attempt: Attempt): Promise<void> {
    try {
      const reply = this.#check(await this.#exchange({ message: outgoing(attempt) }, attempt.narrowed), attempt)
      if (this.drop(attempt)) attempt.onExchanged(reply)
    } catch (error) {
      if (this.drop(attempt)) attempt.onFailure(this.#wrap(error))
    }
  }

  /** A reply to exactly this question, well formed: a bad upstream reaches nobody, be it a function. */
  #check(given: Reply | Message, { query, subnet }: Attempt): Reply {
    const reply: Reply = given instanceof Message ? { message: given, upstream: null, age: 0 } : given
    if (!(reply?.message instanceof Message)) {
      throw new MalformedMessageError(`${this.#name}: exchange() must return a Reply or a Message; got ${typeof given}`)
    }
    const { message } = reply
    message.guard()
    if (!message.isReply || !message.sameQuestion(query))
      throw new MalformedMessageError(`${this.#name} answered another question`)
    if (subnet !== null && message.hasOptions && !echoesSubnet(message.edns!.options, subnet))
      throw new MalformedMessageError(`${this.#name} answered for another subnet`)
    const { upstream = null, age = 0 } = reply
    return { message: message.scrubbed(), upstream, age }
  }

  #wrap(error: unknown): DnsError {
    if (error instanceof DnsError) return error
    const what = error instanceof Error ? error.message : String(error)
    return new DnsError('ERR_DNS_CONNECT', `${this.#name}: ${what}`, { cause: error, upstream: this.#name })
  }
}

/** The query as it goes to a function: that of the client, but for the network that it asks for. */
function outgoing({ query, subnet }: Attempt): Message {
  if (query.subnet === subnet || query.signed) return query
  const udpPayloadSize = query.edns?.udpPayloadSize ?? PAYLOAD_SIZE
  return new Message(query.forUpstream(query.id, { udpPayloadSize, edns: true }, subnet))
}
