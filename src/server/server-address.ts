import { hostPort } from './listen-address.js'
import type { TransportName } from '../exchanger.js'
import type { Listener } from './listeners.js'

/** Where a server listens. */
export interface ServerAddress {
  readonly transport: TransportName
  /** IP address; `0.0.0.0` and `::` are every address of the machine. */
  readonly address: string
  readonly port: number
  /** `127.0.0.1:5353`, brackets around an IPv6 address: what other options take as an address. */
  readonly host: string
  /** `udp://127.0.0.1:5353`, `https://127.0.0.1:443/dns-query` */
  toString(): string
}

/** What carries `transport`. */
export function carrierOf(transport: TransportName): 'udp' | 'tcp' {
  return transport === 'udp' || transport === 'doq' || transport === 'h3' ? 'udp' : 'tcp'
}

/** Where `listener` is; `path` is what HTTPS is asked for. */
export function addressOf(listener: Listener, path: string): ServerAddress {
  const { transport, address, port } = listener
  const asked = transport === 'https' ? path : 'path' in listener ? listener.path : ''
  return Object.freeze(new BoundAddress(transport, address, port, asked))
}

class BoundAddress implements ServerAddress {
  readonly transport: ServerAddress['transport']
  readonly address: string
  readonly port: number
  readonly host: string
  readonly #path: string

  constructor(transport: ServerAddress['transport'], address: string, port: number, path: string) {
    this.transport = transport
    this.address = address
    this.port = port
    this.host = hostPort(address, port)
    this.#path = path
  }

  toString(): string {
    return `${this.transport}://${this.host}${this.#path}`
  }
}
