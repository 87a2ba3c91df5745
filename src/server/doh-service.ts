import type { TLSSocket } from 'node:tls'
import type { Client } from './answer.js'
import { DohConnection, type DohOwner } from './doh-connection.js'
import type { TlsService } from './tls-acceptor.js'

/** What a client of HTTP/1.1 understands, one that named no protocol (RFC 9110, section 15.6.6). */
const NOT_SUPPORTED = 'HTTP/1.1 505 HTTP Version Not Supported\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

/** DNS over HTTPS (RFC 8484), over HTTP/2 alone; `path` is what it is asked for. */
export function dohService(owner: DohOwner, path: string): TlsService {
  return {
    transport: 'https',
    protocol: 'h2',
    serve(socket: TLSSocket, client: Client): DohConnection | null {
      if (socket.alpnProtocol === 'h2') return new DohConnection(socket, client, owner, path)
      socket.on('error', () => socket.destroy())
      socket.resume()
      socket.end(NOT_SUPPORTED)
      return null
    },
  }
}
