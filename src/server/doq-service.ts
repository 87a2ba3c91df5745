import { DoqConnection, type DoqOwner } from './doq-connection.js'
import type { QuicService } from './quic-acceptor.js'

/** The most streams that a client may have open (A19). */
const MAX_STREAMS = 256

/** DNS over QUIC (RFC 9250), with so many queries under way on one connection at most. */
export function doqService(owner: DoqOwner, maxPipelined: number): QuicService {
  const streams = Math.min(MAX_STREAMS, maxPipelined)
  return {
    transport: 'doq',
    path: '',
    streams,
    serve: (connection, client) => new DoqConnection(connection, client, owner, streams),
  }
}
