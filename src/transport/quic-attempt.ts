import type { DnsError } from '../errors.js'
import type { QuicClient } from '../quic/client.js'
import type { ConnectionEnd, ConnectionHandler, QuicConnection, QuicStream, StreamHandler } from '../quic/types.js'
import { closedFailure, connectFailure, endpoint, tlsFailure, type Peer } from './failure.js'
import { quicFailure } from './quic-failure.js'
import type { Contender } from './race.js'
import type { TlsSettings } from './tls-options.js'
import { verifyChain } from './tls-verification.js'

/** Whom to connect to, and until when. */
export interface QuicTarget {
  readonly peer: Peer
  readonly settings: TlsSettings
  /** The protocol that must be spoken (RFC 7301). */
  readonly alpn: string
  /** How long the handshake may take, in ms. */
  readonly patience: number
  /** How long connecting may take in all, in ms, for messages. */
  readonly connectTimeout: number
}

/**
 * One attempt to open an authenticated connection to one address. Its handler hears nothing before the server was
 * authenticated, so that nothing is sent to anybody else.
 */
export class QuicAttempt<H extends ConnectionHandler> implements ConnectionHandler, Contender {
  readonly handler: H
  readonly #target: QuicTarget
  #connection: QuicConnection | null = null
  #authenticated = false
  #resolve: (attempt: this) => void = () => undefined
  #reject: (error: DnsError) => void = () => undefined

  constructor(handler: H, target: QuicTarget) {
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
   * Connects, shakes hands and authenticates the server. `signal` ends it.
   *
   * @throws {DnsError} ERR_DNS_CONNECT; ERR_DNS_TLS: the server is not who it should be. The connection is closed then.
   */
  run(client: QuicClient, signal: AbortSignal): Promise<this> {
    const { peer, settings, patience } = this.#target
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
        })
      } catch (error) {
        reject(connectFailure(peer, error))
      }
      if (signal.aborted) stop()
    }).finally(() => signal.removeEventListener('abort', stop))
  }

  destroy(): void {
    this.#connection?.close(0)
  }

  /** @internal */
  onConnected(connection: QuicConnection): void {
    const fault = this.#fault(connection)
    if (fault !== null) return this.#fail(tlsFailure(this.#target.peer, fault))
    this.#authenticated = true
    this.handler.onConnected(connection)
    this.#resolve(this)
  }

  /** @internal */
  onStream(connection: QuicConnection, stream: QuicStream): StreamHandler {
    return this.handler.onStream(connection, stream)
  }

  /** @internal */
  onCredit(connection: QuicConnection): void {
    if (this.#authenticated) this.handler.onCredit(connection)
  }

  /** @internal */
  onClosed(connection: QuicConnection, end: ConnectionEnd): void {
    if (this.#authenticated) return this.handler.onClosed(connection, end)
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

  #fail(error: DnsError): void {
    this.destroy()
    this.#reject(error)
  }
}
