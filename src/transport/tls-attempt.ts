import { connect, type PeerCertificate, type SecureContext, type TLSSocket } from 'node:tls'
import { isIP } from 'node:net'
import { DnsError } from '../errors.js'
import { connectFailure, endpoint, lateFailure, tlsFailure, type Peer } from './failure.js'
import { opened } from './opened.js'
import type { Ticket, Tickets } from './tls-tickets.js'
import type { TlsSettings } from './tls-options.js'
import { shownCertificate, verifyLeaf, verifyShown } from './tls-verification.js'
import type { TransportOptions } from './transport.js'

/** What the connections of one upstream have in common. */
export interface TlsShared {
  readonly options: TransportOptions
  readonly settings: TlsSettings
  readonly context: SecureContext
  readonly alpn: readonly string[]
  readonly tickets: Tickets
}

/** One attempt to open an authenticated connection to one address. */
export class TlsAttempt {
  readonly #shared: TlsShared
  readonly #peer: Peer
  readonly #ticket: Ticket | null
  /** Whether the handshake has begun, which uses the ticket up. */
  #begun = false
  /** What connections made later resume from: the certificate that this one is trusted for, once it is. */
  #leaf: PeerCertificate | null = null
  #early: Buffer | null = null

  /**
   * @param ticket of the session to resume, or null
   * @throws {DnsError} there is no such interface to connect from
   */
  constructor(shared: TlsShared, address: string, ticket: Ticket | null) {
    const { name, port, source } = shared.options
    this.#shared = shared
    this.#peer = { name, address, port, source: source(address) }
    this.#ticket = ticket
  }

  /** Whether it tried to resume a session: its failure may be the ticket's fault alone. */
  get triedTicket(): boolean {
    return this.#ticket !== null && this.#begun
  }

  /**
   * Connects, shakes hands and authenticates the server before `deadline`. Nothing is written to the socket before that.
   *
   * @throws {DnsError} ERR_DNS_CONNECT; ERR_DNS_TLS: the server is not who it should be. The socket is closed then.
   */
  async run(deadline: number, signal: AbortSignal): Promise<TLSSocket> {
    const { clock, connectTimeout } = this.#shared.options
    let socket: TLSSocket | null = null
    try {
      socket = this.#open()
      const connecting = lateFailure(this.#peer, 'accept a connection', connectTimeout)
      await opened(socket, 'connect', { clock, deadline, signal, late: connecting })
      this.#begun = true
      const securing = lateFailure(this.#peer, 'finish the TLS handshake', connectTimeout)
      await opened(socket, 'secureConnect', { clock, deadline, signal, late: securing })
      this.#authenticate(socket)
      return socket
    } catch (error) {
      socket?.destroy()
      if (!this.#begun && this.#ticket !== null) this.#shared.tickets.put(this.#ticket)
      throw error instanceof DnsError ? error : connectFailure(this.#peer, error)
    }
  }

  #open(): TLSSocket {
    const { settings, context, alpn } = this.#shared
    const { address, port, source } = this.#peer
    const socket = connect({
      host: address,
      port,
      secureContext: context,
      ALPNProtocols: [...alpn],
      // Authenticated here: Node skips it for a resumed session, and its errors don't say what the server has shown.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      // SNI names hosts only (RFC 6066, section 3).
      ...(isIP(settings.identity) === 0 && { servername: settings.identity }),
      ...(source !== null && { localAddress: source }),
      ...(this.#ticket !== null && { session: this.#ticket.session }),
    })
    socket.setNoDelay(true)
    socket.on('session', this.#onSession)
    socket.unref()
    return socket
  }

  /** Before TLS 1.3 it comes with the handshake, when nothing is verified yet. */
  readonly #onSession = (session: Buffer): void => {
    if (this.#leaf === null) this.#early = session
    else this.#shared.tickets.put({ session, leaf: this.#leaf })
  }

  /** @throws {DnsError} ERR_DNS_TLS */
  #authenticate(socket: TLSSocket): void {
    const { settings, alpn, tickets } = this.#shared
    const where = endpoint(this.#peer.address, this.#peer.port)
    const resumed = socket.isSessionReused() ? this.#ticket : null
    // A resumed session shows no certificate; it is as good as the one that it was begun with.
    const leaf = resumed === null ? shownCertificate(socket) : resumed.leaf
    if (leaf === null) throw tlsFailure(this.#peer, `${where} has shown no certificate`)
    const fault = resumed === null ? verifyShown(socket, leaf, settings) : verifyLeaf(leaf, settings)
    if (fault !== '') throw tlsFailure(this.#peer, `the certificate of ${where} ${fault}`)
    // RFC 7858 knows nothing of ALPN: a DoT server may leave it out.
    if (socket.alpnProtocol === false && !alpn.includes('dot'))
      throw tlsFailure(this.#peer, `${where} chose no ${alpn.join(' or ')}`)
    this.#leaf = leaf
    // TLS 1.2 lets a session be resumed again, and says nothing new then.
    const session = this.#early ?? (socket.getProtocol() === 'TLSv1.2' ? resumed?.session : null)
    if (session != null) tickets.put({ session, leaf })
  }
}
