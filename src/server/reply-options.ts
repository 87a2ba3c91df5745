import { EDNS_OPTION } from '../wire/constants.js'
import type { EdnsOption, ExtendedError, OptOut } from '../wire/edns.js'
import type { CopyOptions, Message } from '../wire/message.js'

/** What every client takes over UDP, octets (RFC 1035, section 4.2.1; RFC 6891, section 6.2.3). */
const LEAST = 512
/** What a stream takes, octets. */
const MOST = 65_535
/** Room for our OPT record in a message of {@link LEAST} octets. */
const OPT_ROOM = 16
const NO_ERRORS: readonly ExtendedError[] = []
const NO_OPTIONS: readonly EdnsOption[] = []

/** How replies go out: our OPT record where the client sent one (RFC 6891, section 6.1.1), and how long they may be. */
export class ReplyOptions {
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

  /** For `reply` to `query`, both of which have been walked. */
  of(query: Message, reply: Message, stream: boolean): CopyOptions {
    if (!query.hasOpt) return stream ? this.#bareStream : this.#bare
    if (reply.rcode !== 0 && reply.hasOpt && reply.ede.length > 0) return this.#explained(query, reply.ede, stream)
    if (stream) return this.#ofStream(query)
    // What fits every client needs no look at what this one takes.
    if (reply.wire.length <= LEAST - OPT_ROOM) return this.#small[query.dnssecOk ? 1 : 0]
    return this.#with(query.dnssecOk, this.#udpSize(query))
  }

  /** Our OPT record on an error to `query`, which has one that can be read. */
  opt(query: Message): OptOut | null {
    return this.#small[query.dnssecOk ? 1 : 0].opt
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
