import type { TLSSocket } from 'node:tls'
import type { Client } from './answer.js'
import type { DohOwner } from './doh-connection.js'
import { Http2Connection } from './http2-connection.js'
import type { TlsService } from './tls-acceptor.js'

/** What a client of HTTP/1.1 understands, one that named no protocol (RFC 9110, section 15.6.6). */
const NOT_SUPPORTED = 'HTTP/1.1 505 HTTP Version Not Supported\r\nConnection: close\r\nContent-Length: 0\r\n\r\n'

/** For how long clients may remember that there is HTTP/3, in s. */
const MAX_AGE = 86_400

/**
 * DNS over HTTPS (RFC 8484), over HTTP/2; `path` is what it is asked for, and `http3` whether HTTP/3 is spoken on the same
 * port, which replies say then (RFC 7838, section 3).
 */
export function dohService(owner: DohOwner, path: string, http3: boolean): TlsService {
  return {
    transport: 'https',
    protocol: 'h2',
    serve(socket: TLSSocket, client: Client): Http2Connection | null {
      const altSvc = http3 ? `h3=":${socket.localPort}"; ma=${MAX_AGE}` : null
      if (socket.alpnProtocol === 'h2') return new Http2Connection(socket, client, owner, path, altSvc)
      socket.on('error', () => socket.destroy())
      socket.resume()
      socket.end(NOT_SUPPORTED)
      return null
    },
  }
}
