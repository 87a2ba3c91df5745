import type { PeerCertificate } from 'node:tls'

/** What resumes a session, and the certificate that the server showed when it was begun. */
export interface Ticket {
  readonly session: Buffer
  readonly leaf: PeerCertificate
}

/**
 * The latest session ticket of one upstream. It serves once, so that connections cannot be told to be of one client
 * (RFC 8446, appendix C.4).
 *
 * A ticket is worth what was verified when it was given: no certificate is shown again. Nobody else gets it, and port,
 * identity, ALPN, authorities, pins and our own certificate are the same for all connections of one upstream.
 */
export class Tickets {
  #latest: Ticket | null = null

  put(ticket: Ticket): void {
    this.#latest = ticket
  }

  /** Takes it out; null without one. */
  take(): Ticket | null {
    const ticket = this.#latest
    this.#latest = null
    return ticket
  }
}
