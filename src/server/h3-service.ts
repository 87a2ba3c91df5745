import type { Clock } from '../base/clock.js'
import { MAX_STREAMS, type DohOwner } from './doh-connection.js'
import { H3Connection } from './h3-connection.js'
import { streamsFor, type QueryLimits, type QuicService } from './quic-acceptor.js'

/** DNS over HTTPS (RFC 8484), over HTTP/3; `path` is what it is asked for. */
export function h3Service(owner: DohOwner, path: string, limits: QueryLimits, clock: Clock): QuicService {
  return {
    transport: 'h3',
    path,
    streams: streamsFor(MAX_STREAMS, limits),
    serve: (connection, client) => new H3Connection(connection, client, owner, path, clock),
  }
}
