import { HPACK } from '../http/hpack.js'
import { Http2Session } from '../http2/session.js'
import { DohTransport } from './doh-transport.js'
import { sessionOptions } from './https-connection.js'
import type { DohRequest } from './https-request.js'
import type { SessionDial } from './request-connection.js'
import type { Dial } from './stream.js'
import { TlsDialer } from './tls-dialer.js'
import type { TransportOptions } from './transport.js'

/** DNS over HTTPS (RFC 8484), over HTTP/2 alone. */
export class HttpsTransport extends DohTransport {
  /** @param dial connects, secures and authenticates; TLS with ALPN `h2` unless a test brings another */
  constructor(options: TransportOptions, dial: Dial = overTls(options)) {
    super(options, withHttp2(options, dial), HPACK)
  }
}

function overTls(options: TransportOptions): Dial {
  const dialer = new TlsDialer(options, ['h2'])
  return (signal) => dialer.dial(signal)
}

function withHttp2(options: TransportOptions, dial: Dial): SessionDial<DohRequest> {
  return async (owner, signal) => {
    const socket = await dial(signal)
    const { remoteAddress = null, localAddress = null, localPort = 0 } = socket
    socket.unref()
    const session = new Http2Session(socket, sessionOptions(options), owner)
    return { session, protocol: 'tcp', address: remoteAddress, source: localAddress, localPort }
  }
}
