import { DoqConnection, type DoqOwner } from './doq-connection.js'
import { streamsFor, type QueryLimits, type QuicService } from './quic-acceptor.js'

/** The most streams that a client may have open (A19). */
const MAX_STREAMS = 256

/** DNS over QUIC (RFC 9250). */
export function doqService(owner: DoqOwner, limits: QueryLimits): QuicService {
  const streams = streamsFor(MAX_STREAMS, limits)
  return {
    transport: 'doq',
    path: '',
    streams,
    serve: (connection, client) => new DoqConnection(connection, client, owner, streams),
  }
}
