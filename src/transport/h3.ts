import { QPACK } from '../http/qpack.js'
import { H3Session } from '../quic/h3-session.js'
import type { DialLine } from '../quic/line.js'
import { DohTransport } from './doh-transport.js'
import { sessionOptions } from './https-connection.js'
import type { DohRequest } from './https-request.js'
import type { SessionDial } from './request-connection.js'
import { QuicDialer } from './quic-dialer.js'
import type { TransportOptions } from './transport.js'

/** DNS over HTTP/3 (RFC 8484 over RFC 9114): what holds for `https` holds here, and QUIC carries it. */
export class H3Transport extends DohTransport {
  /** @param dialLine makes the lines; UDP sockets unless a test brings others */
  constructor(options: TransportOptions, dialLine?: DialLine) {
    super(options, overQuic(options, dialLine), QPACK)
  }
}

function overQuic(options: TransportOptions, dialLine: DialLine | undefined): SessionDial<DohRequest> {
  const dialer = new QuicDialer(options, {
    alpn: 'h3',
    handler: () => new H3Session(sessionOptions(options)),
    ...(dialLine !== undefined && { dialLine }),
  })
  return (owner, signal) => dialer.carry(owner, signal)
}
