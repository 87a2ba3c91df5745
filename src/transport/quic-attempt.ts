import type { DnsError } from '../errors.js'
import type { QuicClient } from '../quic/client.js'
import type { ConnectionEnd, ConnectionHandler, QuicConnection, QuicStream, StreamHandler } from '../quic/types.js'
import { closedFailure, connectFailure, endpoint, tlsFailure, type Peer } from './failure.js'
import { quicFailure } from './quic-failure.js'
import type { Contender } from './race.js'
import type { TlsSettings } from './tls-options.js'
import { verifyChain } from './tls-verification.js'

/** Whom to connect to, and until when. */
export interface QuicTarget<H> {
  readonly peer: Peer
  readonly settings: TlsSettings
  /** The protocol that must be spoken (RFC 7301). */
  readonly alpn: string
  /** How long the handshake may take, in ms. */
  readonly patience: number
  /** How long connecting may take in all, in ms, for messages. */
  readonly connectTimeout: number
  /** Lets the handler open streams as 0-RTT where the connection resumes one that allows it; null: it must not. */
  readonly early: ((handler: H, connection: QuicConnection) => void) | null
  /** The server was authenticated. */
  readonly onUp: () => void
}

/**
 * One attempt to open an authenticated connection to one address. Its handler hears nothing before the server was
 * authenticated, so that nothing is sent to anybody else. What it sends as 0-RTT nobody can read but who was authenticated when
 * the session began (RFC 8446, section 2.3).
 */
export class QuicAttempt<H extends ConnectionHandler> implements ConnectionHandler, Contender {
  readonly handler: H
  readonly #target: QuicTarget<H>
  #connection: QuicConnection | null = null
  /** Whether the handler has the connection, and is told of it. */
  #isHandedOver = false
  #resolve: (attempt: this) => void = () => undefined
  #reject: (error: DnsError) => void = () => undefined

  constructor(handler: H, target: QuicTarget<H>) {
    this.handler = handler
    this.#target = target
  }

  /** The connection, once {@link run} has begun. */
  get connection(): QuicConnection {
    return this.#connection!
  }

  /** IP address on our side, where one was asked for. */
  get source(): string | null {
    return this.#target.peer.source
  }

  /**
   * Connects, shakes hands and authenticates the server, which happens later where streams are opened as 0-RTT. `signal`
   * ends it.
   *
   * @throws {DnsError} ERR_DNS_CONNECT; ERR_DNS_TLS: the server is not who it should be. The connection is closed then.
   */
  run(client: QuicClient, signal: AbortSignal): Promise<this> {
    const { peer, settings, patience, early } = this.#target
    const { address, port, source } = peer
    const stop = (): void => this.#fail(closedFailure(peer))
    signal.addEventListener('abort', stop, { once: true })
    return new Promise<this>((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
      const serverName = settings.identity
      try {
        this.#connection = client.connect({
          address,
          port,
          source,
          serverName,
          handler: this,
          handshakeTimeout: patience,
          earlyData: early !== null,
        })
      } catch (error) {
        reject(connectFailure(peer, error))
      }
      if (signal.aborted) stop()
      else if (early !== null && this.#connection?.early === true) {
        early(this.handler, this.#connection)
        this.#handOver()
      }
    }).finally(() => signal.removeEventListener('abort', stop))
  }

  destroy(): void {
    this.#connection?.close(0)
  }

  /** @internal */
  onConnected(connection: QuicConnection): void {
    const fault = this.#fault(connection)
    if (fault !== null) return this.#refuse(connection, fault)
    this.#target.onUp()
    this.handler.onConnected(connection)
    this.#handOver()
  }

  /** @internal */
  onStream(connection: QuicConnection, stream: QuicStream): StreamHandler {
    return this.handler.onStream(connection, stream)
  }

  /** @internal */
  onCredit(connection: QuicConnection): void {
    if (this.#isHandedOver) this.handler.onCredit(connection)
  }

  /** @internal */
  onClosed(connection: QuicConnection, end: ConnectionEnd): void {
    if (this.#isHandedOver) return this.handler.onClosed(connection, end)
    const { peer, connectTimeout } = this.#target
    this.#reject(quicFailure(peer, end, connectTimeout))
  }

  /** What keeps us from trusting the server, or null. */
  #fault(connection: QuicConnection): string | null {
    const { peer, settings, alpn } = this.#target
    const where = endpoint(peer.address, peer.port)
    if (connection.peerCertificates.length === 0) return `${where} has shown no certificate`
    const fault = verifyChain(connection.peerCertificates, settings)
    if (fault !== '') return `the certificate of ${where} ${fault}`
    return connection.alpn === alpn ? null : `${where} chose no ${alpn}`
  }

  #handOver(): void {
    this.#isHandedOver = true
    this.#resolve(this)
  }

  #refuse(connection: QuicConnection, fault: string): void {
    this.#fail(tlsFailure(this.#target.peer, fault))
    if (!this.#isHandedOver) return
    const end = { cause: 'transport', code: 0, reason: fault, established: false } as const
    this.handler.onClosed(connection, end)
  }

  #fail(error: DnsError): void {
    this.destroy()
    this.#reject(error)
  }
}
