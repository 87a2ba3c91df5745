import { MalformedMessageError } from '../errors.js'
import type { Reply } from '../exchanger.js'
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
const NO_ERRORS: readonly ExtendedError[] = []
const NO_OPTIONS: readonly EdnsOption[] = []

/** Writes what goes out to clients: with our OPT record where the client sent one (RFC 6891, section 6.1.1), and no longer than it takes. */
export class ReplyWriter {
  readonly #maxUdpSize: number
  readonly #keepalive: readonly EdnsOption[]
  readonly #bare = { opt: null, maxSize: LEAST }
  readonly #bareStream = { opt: null, maxSize: MOST }
  readonly #small: readonly [CopyOptions, CopyOptions]
  readonly #stream: readonly [CopyOptions, CopyOptions]

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
    this.#stream = [this.#with(false, MOST), this.#with(true, MOST)]
  }

  /**
   * The octets of `reply` for the client that sent `query`, which have been walked.
   *
   * @throws {DnsError} it cannot be sent to this client; another error when it is no reply at all
   */
  compose(query: Message, { message, age }: Reply, stream: boolean): Buffer {
    if (!message.sameQuestion(query)) throw new MalformedMessageError('the root replied to another question')
    // A stream has room for everything, so TC=1 says there that a part is missing for good (RFC 2181, section 9).
    if (message.truncated && stream) throw new MalformedMessageError('the reply is truncated')
    return message.copyFor(query, age > 0 ? age : 0, this.#optionsFor(query, message, stream))
  }

  /** The octets of an error; null for what must not be answered. `hasOpt`: `query` has an OPT record that can be read. */
  error(query: Message, rcode: number, hasOpt: boolean): Buffer | null {
    return errorReply(query, rcode, hasOpt ? this.#small[query.dnssecOk ? 1 : 0].opt : null)
  }

  /** SERVFAIL to a query that could not be answered, with the extended error `why` where the client takes one (RFC 8914, section 2). */
  failure(query: Message, why: number): Buffer | null {
    const explained = query.hasOpt ? this.#with(query.dnssecOk, LEAST, [{ code: why, text: '' }]) : null
    return errorReply(query, RCODE.SERVFAIL, explained === null ? null : explained.opt)
  }

  #optionsFor(query: Message, reply: Message, stream: boolean): CopyOptions {
    if (!query.hasOpt) return stream ? this.#bareStream : this.#bare
    if (reply.hasOptions && reply.ede.length > 0) return this.#explained(query, reply.ede, stream)
    if (stream) return this.#ofStream(query)
    // What fits every client needs no look at what this one takes.
    if (reply.wire.length <= LEAST - OPT_ROOM) return this.#small[query.dnssecOk ? 1 : 0]
    return this.#with(query.dnssecOk, this.#udpSize(query))
  }

  #ofStream(query: Message): CopyOptions {
    return asksKeepalive(query)
      ? this.#with(query.dnssecOk, MOST, NO_ERRORS, this.#keepalive)
      : this.#stream[query.dnssecOk ? 1 : 0]
  }

  #explained(query: Message, ede: readonly ExtendedError[], stream: boolean): CopyOptions {
    const options = stream && asksKeepalive(query) ? this.#keepalive : NO_OPTIONS
    return this.#with(query.dnssecOk, stream ? MOST : this.#udpSize(query), ede, options)
  }

  #udpSize(query: Message): number {
    return Math.min(query.edns?.udpPayloadSize ?? LEAST, this.#maxUdpSize)
  }

  #with(dnssecOk: boolean, maxSize: number, ede = NO_ERRORS, options = NO_OPTIONS): CopyOptions {
    return { opt: { udpPayloadSize: this.#maxUdpSize, dnssecOk, ede, options, padTo: 0 }, maxSize }
  }
}

function asksKeepalive(query: Message): boolean {
  return query.edns?.options.some(({ code }) => code === EDNS_OPTION.TCP_KEEPALIVE) ?? false
}
