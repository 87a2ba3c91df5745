import { Buffer } from 'node:buffer'
import { MalformedMessageError } from '../errors.js'
import type { Reply, TransportName } from '../exchanger.js'
import { errorReply } from '../wire/accept.js'
import { EDNS_OPTION, RCODE } from '../wire/constants.js'
import type { EdnsOption, ExtendedError } from '../wire/edns.js'
import type { CopyOptions, Message } from '../wire/message.js'

/** What every client takes over UDP, octets (RFC 1035, section 4.2.1; RFC 6891, section 6.2.3). */
const LEAST = 512
/** What a stream takes, octets. */
const MOST = 65_535
/** Room for our OPT record in a message of {@link LEAST} octets. */
const OPT_ROOM = 16
/** What replies are padded to a multiple of, octets (RFC 8467, section 4.1). */
const BLOCK = 468
/** What a client on a stream gets beside the bare OPT record. */
const DNSSEC_OK = 1
const KEEPALIVE = 2
const PADDING = 4
const NO_ERRORS: readonly ExtendedError[] = []
const NO_OPTIONS: readonly EdnsOption[] = []

/** Writes what goes out to clients: with our OPT record where the client sent one (RFC 6891, section 6.1.1), and no longer than it takes. */
export class ReplyWriter {
  readonly #maxUdpSize: number
  readonly #keepalive: readonly EdnsOption[]
  readonly #bare = { opt: null, maxSize: LEAST }
  readonly #bareStream = { opt: null, maxSize: MOST }
  readonly #small: readonly [CopyOptions, CopyOptions]
  /** By what they carry: {@link DNSSEC_OK}, {@link KEEPALIVE} and {@link PADDING}. */
  readonly #stream: readonly CopyOptions[]

  /**
   * @param maxUdpSize the longest reply over UDP, octets
   * @param idleTimeout how long a connection may be idle, in ms, for clients that ask (RFC 7828, section 3.3)
   */
  constructor(maxUdpSize: number, idleTimeout: number) {
    this.#maxUdpSize = maxUdpSize
    const timeout = Buffer.alloc(2)
    timeout.writeUInt16BE(Math.min(0xffff, Math.floor(idleTimeout / 100)))
    this.#keepalive = [{ code: EDNS_OPTION.TCP_KEEPALIVE, data: timeout }]
    this.#small = [this.#with(false, LEAST), this.#with(true, LEAST)]
    this.#stream = Array.from({ length: 8 }, (_, extras) => this.#onStream(extras, NO_ERRORS))
  }

  /**
   * The octets of `reply` for the client that sent `query`, which have been walked, over `transport`.
   *
   * @throws {DnsError} it cannot be sent to this client; another error when it is no reply at all
   */
  compose(query: Message, { message, age }: Reply, transport: TransportName): Buffer {
    if (!message.sameQuestion(query)) throw new MalformedMessageError('the root replied to another question')
    // A stream has room for everything, so TC=1 says there that a part is missing for good (RFC 2181, section 9).
    if (message.truncated && transport !== 'udp') throw new MalformedMessageError('the reply is truncated')
    return message.copyFor(query, age > 0 ? age : 0, this.#optionsFor(query, message, transport))
  }

  /** The octets of an error; null for what must not be answered. `hasOpt`: `query` has an OPT record that can be read. */
  error(query: Message, rcode: number, hasOpt: boolean, transport: TransportName): Buffer | null {
    return errorReply(query, rcode, hasOpt ? this.#shortFor(query, NO_ERRORS, transport).opt : null)
  }

  /** SERVFAIL to a query that could not be answered, with the extended errors `why` where the client takes any (RFC 8914, section 2). */
  failure(query: Message, why: readonly ExtendedError[], transport: TransportName): Buffer | null {
    return errorReply(query, RCODE.SERVFAIL, query.hasOpt ? this.#shortFor(query, why, transport).opt : null)
  }

  #optionsFor(query: Message, reply: Message, transport: TransportName): CopyOptions {
    if (!query.hasOpt) return transport === 'udp' ? this.#bare : this.#bareStream
    const { ede } = reply
    const subnet = subnetFor(query, reply)
    if (transport !== 'udp') return this.#streamFor(query, ede, transport, subnet)
    // What fits every client needs no look at what this one takes.
    if (ede.length === 0 && subnet.length === 0 && reply.wire.length <= LEAST - OPT_ROOM)
      return this.#small[query.dnssecOk ? 1 : 0]
    return this.#with(query.dnssecOk, Math.min(query.edns?.udpPayloadSize ?? LEAST, this.#maxUdpSize), ede, subnet)
  }

  /** For a reply that fits every client. */
  #shortFor(query: Message, ede: readonly ExtendedError[], transport: TransportName): CopyOptions {
    if (transport !== 'udp') return this.#streamFor(query, ede, transport)
    return ede.length === 0 ? this.#small[query.dnssecOk ? 1 : 0] : this.#with(query.dnssecOk, LEAST, ede)
  }

  #streamFor(
    query: Message,
    ede: readonly ExtendedError[],
    transport: TransportName,
    subnet = NO_OPTIONS,
  ): CopyOptions {
    const extras = (query.dnssecOk ? DNSSEC_OK : 0) | (query.hasOptions ? extrasOf(query, transport) : 0)
    return ede.length === 0 && subnet.length === 0 ? this.#stream[extras]! : this.#onStream(extras, ede, subnet)
  }

  #onStream(extras: number, ede: readonly ExtendedError[], subnet = NO_OPTIONS): CopyOptions {
    const options = (extras & KEEPALIVE) === 0 ? subnet : [...this.#keepalive, ...subnet]
    const padTo = (extras & PADDING) === 0 ? 0 : BLOCK
    const dnssecOk = (extras & DNSSEC_OK) !== 0
    return { opt: { udpPayloadSize: this.#maxUdpSize, dnssecOk, ede, options, padTo }, maxSize: MOST }
  }

  #with(dnssecOk: boolean, maxSize: number, ede = NO_ERRORS, options = NO_OPTIONS): CopyOptions {
    return { opt: { udpPayloadSize: this.#maxUdpSize, dnssecOk, ede, options, padTo: 0 }, maxSize }
  }
}

/**
 * The client's own subnet with the scope of `reply` (RFC 7871, section 7.2.2), where an upstream was told of it: nothing for who sent
 * none, or where the reply is about another network.
 */
function subnetFor({ subnet: own }: Message, { subnet: told }: Message): readonly EdnsOption[] {
  if (own === null || told === null) return NO_OPTIONS
  const isOwn = own.source === 0 ? told.source === 0 : told.source > 0 && told.shares(own, told.source)
  return isOwn ? [{ code: EDNS_OPTION.CLIENT_SUBNET, data: own.scoped(told.scope).octets }] : NO_OPTIONS
}

/**
 * What `query` asked for: our idle timeout, which over HTTP is none of ours to tell (RFC 7828, section 1), and padding,
 * which hides nothing where anybody can read (RFC 7830, section 6).
 */
function extrasOf(query: Message, transport: TransportName): number {
  let extras = 0
  for (const { code } of query.edns!.options) {
    if (code === EDNS_OPTION.TCP_KEEPALIVE && (transport === 'tcp' || transport === 'tls')) extras |= KEEPALIVE
    else if (code === EDNS_OPTION.PADDING && transport !== 'tcp') extras |= PADDING
  }
  return extras
}
