import { DOQ_CODES } from '../transport/doq-codes.js'
import { DoqConnection, type DoqOwner } from './doq-connection.js'
import type { QuicService } from './quic-acceptor.js'

/** The most streams that a client may have open (A19). */
const MAX_STREAMS = 256

/** DNS over QUIC (RFC 9250). */
export function doqService(owner: DoqOwner & { readonly maxPipelined: number }): QuicService {
  return {
    transport: 'doq',
    path: '',
    streams: Math.min(MAX_STREAMS, owner.maxPipelined),
    refusal: DOQ_CODES.EXCESSIVE_LOAD,
    serve: (connection, client) => new DoqConnection(connection, client, owner),
  }
}
