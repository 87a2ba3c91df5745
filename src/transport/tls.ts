import { QUERY_BLOCK } from '../wire/edns.js'
import { StreamTransport } from './stream-transport.js'
import { TlsDialer } from './tls-dialer.js'
import type { TransportOptions } from './transport.js'

/** DNS over TLS (RFC 7858) by the strict profile of RFC 8310. */
export class TlsTransport extends StreamTransport {
  constructor(options: TransportOptions) {
    const dialer = new TlsDialer(options, ['dot'])
    super(options, (signal) => dialer.dial(signal), options.padding ? QUERY_BLOCK : 0)
  }
}
