import type { Clock } from '../base/clock.js'
import { MAX_STREAMS, type DohOwner } from './doh-connection.js'
import { H3Connection } from './h3-connection.js'
import type { QuicService } from './quic-acceptor.js'

/** DNS over HTTPS (RFC 8484), over HTTP/3; `path` is what it is asked for, with so many queries under way on one connection at most. */
export function h3Service(owner: DohOwner, path: string, maxPipelined: number, clock: Clock): QuicService {
  const streams = Math.min(MAX_STREAMS, maxPipelined)
  const options = { path, streams, clock }
  return {
    transport: 'h3',
    path,
    streams,
    serve: (connection, client) => new H3Connection(connection, client, owner, options),
  }
}
