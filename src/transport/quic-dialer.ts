import { DnsError } from '../errors.js'
import { QuicClient } from '../quic/client.js'
import type { DialLine } from '../quic/line.js'
import type { ConnectionHandler, QuicConnection } from '../quic/types.js'
import { QuicAttempt } from './quic-attempt.js'
import { QUIC_SUITES } from './quic-crypto.js'
import { Race } from './race.js'
import type { Carried, Session, SessionOwner } from './request-connection.js'
import type { TransportOptions } from './transport.js'

/** How much longer than our own patience with an idle connection the peer is told that it lasts, in ms. */
const IDLE_MARGIN = 20_000

/** How a {@link QuicDialer} connects. */
export interface QuicDialOptions<H extends ConnectionHandler> {
  /** The protocol that must be spoken (RFC 7301). */
  readonly alpn: string
  /** The handler of a connection; one is made for each that is tried. */
  readonly handler: () => H
  /** Lets `handler` open streams on a connection that is not up yet, as 0-RTT. @default nobody may */
  readonly early?: (handler: H, connection: QuicConnection) => void
  /** Makes the lines. @default UDP sockets */
  readonly dialLine?: DialLine
}

/** A session that is the handler of its connection. */
interface OwnedSession<R> extends Session<R> {
  owner: SessionOwner
}

/**
 * Opens QUIC connections to one upstream by the strict profile of RFC 8310: whoever gets one of them may write to it, for
 * the server has been authenticated, in resumed sessions too.
 */
export class QuicDialer<H extends ConnectionHandler> {
  readonly #options: TransportOptions
  readonly #dial: QuicDialOptions<H>
  readonly #race: Race<QuicAttempt<H>>
  /** Holds the session tickets of this upstream, which nobody else gets. */
  #client: Promise<QuicClient> | null = null
  /** Whether the last connection came up: one that didn't, and whose queries were lost, is not to be followed by another. */
  #isUp = true

  /** @param options with `tls` */
  constructor(options: TransportOptions, dial: QuicDialOptions<H>) {
    this.#options = options
    this.#dial = dial
    this.#race = new Race(options, (address, deadline, signal) => this.#connect(address, deadline, signal))
  }

  /**
   * A connection to the address that is first to authenticate. `signal` ends it until then.
   *
   * @throws {DnsError} ERR_DNS_TLS: the server could not be authenticated; ERR_DNS_CONNECT; ERR_DNS_CLOSED
   */
  dial(signal: AbortSignal): Promise<QuicAttempt<H>> {
    return this.#race.run(signal)
  }

  /** As {@link dial}, with `owner` told of the session, which its handler is. */
  async carry<R>(this: QuicDialer<H & OwnedSession<R>>, owner: SessionOwner, signal: AbortSignal): Promise<Carried<R>> {
    const { clock, source: sourceFor } = this.#options
    const attempt = await this.dial(signal)
    const { handler: session, connection, source } = attempt
    session.owner = owner
    const { remote, localPort } = connection
    return {
      session,
      protocol: 'udp',
      address: remote.address,
      source,
      localPort,
      timeLeft: () => connection.timeLeft,
      move: (done) =>
        attempt.move(clock, sourceFor(remote.address), (heard) => done(heard ? connection.localPort : null)),
    }
  }

  async #connect(address: string, deadline: number, signal: AbortSignal): Promise<QuicAttempt<H>> {
    const { name, port, source, clock, connectTimeout } = this.#options
    const peer = { name, address, port, source: source(address) }
    const client = await (this.#client ??= this.#open())
    const settings = this.#options.tls!
    const { alpn, early = null } = this.#dial
    const attempt = new QuicAttempt(this.#dial.handler(), {
      peer,
      settings,
      alpn,
      patience: Math.max(1, deadline - clock.now()),
      connectTimeout,
      early: settings.earlyData && this.#isUp ? early : null,
      onUp: () => (this.#isUp = true),
    })
    this.#isUp = false
    return attempt.run(client, signal)
  }

  async #open(): Promise<QuicClient> {
    const { name, clock, idleTimeout, tls } = this.#options
    const { ca, cert, key, rejectUnauthorized, ciphersuites } = tls!
    const { alpn, dialLine } = this.#dial
    try {
      return await QuicClient.create({
        alpn: [alpn],
        ca,
        cert,
        key,
        verify: rejectUnauthorized,
        cipherSuites: suitesOf(ciphersuites),
        idleTimeout: idleTimeout + IDLE_MARGIN,
        clock,
        ...(dialLine !== undefined && { dialLine }),
      })
    } catch (cause) {
      this.#client = null
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new DnsError('ERR_DNS_CONNECT', `${name} cannot be reached over QUIC: ${why}`, { cause, upstream: name })
    }
  }
}

/** Empty: all that are known. */
function suitesOf(ciphersuites: string | null): readonly number[] {
  if (ciphersuites === null) return []
  const suites = ciphersuites.split(':').flatMap((name) => QUIC_SUITES.get(name) ?? [])
  if (suites.length === 0)
    throw new Error(`none of ${ciphersuites} is a cipher suite of QUIC: ${[...QUIC_SUITES.keys()].join(', ')}`)
  return suites
}
