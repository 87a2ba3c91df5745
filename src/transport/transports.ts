import { DnsError } from '../errors.js'
import type { TransportName } from '../exchanger.js'
import type { TransportFactory } from './transport.js'

export type { TransportFactory } from './transport.js'

/** Lazy, so that a bundle that leaves a transport out works as long as nobody asks for it. */
const LOADERS: Record<TransportName, () => Promise<TransportFactory>> = {
  udp: async () => {
    const { UdpTransport } = await import('./udp.js')
    return (options) => new UdpTransport(options)
  },
  tcp: async () => {
    const { TcpTransport } = await import('./tcp.js')
    return (options) => new TcpTransport(options)
  },
  tls: async () => {
    const { TlsTransport } = await import('./tls.js')
    return (options) => new TlsTransport(options)
  },
  https: async () => {
    const { HttpsTransport } = await import('./https.js')
    return (options) => new HttpsTransport(options)
  },
  doq: async () => {
    const { DoqTransport } = await import('./doq.js')
    return (options) => new DoqTransport(options)
  },
  h3: async () => {
    const { H3Transport } = await import('./h3.js')
    return (options) => new H3Transport(options)
  },
}

/**
 * What makes transports of the kind `name`.
 *
 * @throws {DnsError} ERR_DNS_CONNECT (as a rejection): this bundle does not have it, or the system cannot read it now, as `cause` says;
 *   Node 20 does not try again
 */
export async function loadTransport(name: TransportName): Promise<TransportFactory> {
  try {
    return await LOADERS[name]()
  } catch (cause) {
    throw new DnsError('ERR_DNS_CONNECT', `transport ${name} ${reason(cause)}`, { cause })
  }
}

function reason(cause: unknown): string {
  const isSystems = cause instanceof Error && 'syscall' in cause
  return isSystems ? `cannot be loaded: ${cause.message}` : 'is missing from this bundle'
}
