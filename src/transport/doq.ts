import type { DialLine } from '../quic/line.js'
import { DoqRequest, type DoqOwner } from './doq-request.js'
import { DoqSession } from './doq-session.js'
import type { Pending } from './pending.js'
import { QuicDialer } from './quic-dialer.js'
import { RequestConnection, type SessionDial } from './request-connection.js'
import { RequestTransport } from './request-transport.js'
import type { TransportOptions } from './transport.js'

/**
 * DNS over QUIC (RFC 9250) by the strict profile of RFC 8310: each query is a stream of its own, so that one that is lost
 * or slow holds up no other.
 */
export class DoqTransport extends RequestTransport<DoqRequest> {
  /** @param dialLine makes the lines; UDP sockets unless a test brings others */
  constructor(options: TransportOptions, dialLine?: DialLine) {
    super(options, overQuic(options, dialLine), true)
  }

  protected override compose(pending: Pending, query: Buffer): DoqRequest {
    return new DoqRequest(query, pending)
  }

  protected override connection(): DoqConnection {
    return new DoqConnection(this.options, this)
  }
}

/** One connection with a DoQ session on it. */
class DoqConnection extends RequestConnection<DoqRequest> implements DoqOwner {
  onMessage({ pending }: DoqRequest, message: Buffer): void {
    this.settle(pending, message, 0)
  }

  protected override adopt(request: DoqRequest): void {
    request.owner = this
  }
}

function overQuic(options: TransportOptions, dialLine: DialLine | undefined): SessionDial<DoqRequest> {
  const dialer = new QuicDialer(options, {
    alpn: 'doq',
    handler: () => new DoqSession(options),
    early: (session, connection) => session.onEarly(connection),
    ...(dialLine !== undefined && { dialLine }),
  })
  return (owner, signal) => dialer.carry(owner, signal)
}
