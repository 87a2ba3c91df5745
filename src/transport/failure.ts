import { DnsError } from '../errors.js'

/** Whom an error is about. */
export interface Peer {
  /** Name of the upstream. */
  readonly name: string
  readonly address: string
  readonly port: number
  readonly source: string | null
}

/** `1.2.3.4:53` or `[2001:db8::1]:53`. */
export function endpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** What the system's error `cause` means for an attempt to reach `peer`: ERR_DNS_CONNECT, with `cause` kept. */
export function connectFailure(peer: Peer, cause: unknown): DnsError {
  return new DnsError('ERR_DNS_CONNECT', describe(peer, cause), { cause, upstream: peer.name })
}

/** ERR_DNS_CLOSED: our own side was closed. */
export function closedFailure(peer: Pick<Peer, 'name'>): DnsError {
  return new DnsError('ERR_DNS_CLOSED', `the connection to ${peer.name} was closed here`, { upstream: peer.name })
}

/** ERR_DNS_OVERLOADED: `what` is at its limit. */
export function overloadFailure(peer: Peer, what: string): DnsError {
  return new DnsError('ERR_DNS_OVERLOADED', `${peer.name} is asked faster than the network takes it: ${what}`, {
    upstream: peer.name,
  })
}

/** The system's code of an error, such as `ECONNREFUSED`, or an empty string. */
export function systemCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause ? String(cause.code) : ''
}

function describe(peer: Peer, cause: unknown): string {
  const where = endpoint(peer.address, peer.port)
  switch (systemCode(cause)) {
    case 'ECONNREFUSED':
      return `${peer.name} refused the connection: nothing listens on ${where}`
    case 'ECONNRESET':
    case 'EPIPE':
      return `${peer.name} reset the connection to ${where}`
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return `${peer.name} cannot be reached: there is no route to ${where}`
    case 'EACCES':
    case 'EPERM':
      return `${peer.name} cannot be reached: this system forbids sending to ${where}`
    case 'EADDRNOTAVAIL':
      return `${peer.name} cannot be reached from ${peer.source ?? 'here'}: no interface has that address`
    case 'EMFILE':
    case 'ENFILE':
      return `${peer.name} cannot be asked: too many files and sockets are open`
    default:
      return `${peer.name} cannot be reached: ${cause instanceof Error ? cause.message : String(cause)}`
  }
}
