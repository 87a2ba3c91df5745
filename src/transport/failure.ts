import { DnsError } from '../errors.js'

/** That this machine has no way to an address says nothing of the server where it has others. */
const NO_WAY = new Set(['ENETUNREACH', 'EHOSTUNREACH', 'EADDRNOTAVAIL'])

/** Codes of what OpenSSL or Node's use of it has to say. */
const OPENSSL = /^ERR_(?:OSSL|SSL|TLS)_/

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

/**
 * What the error `cause` of a socket means for an attempt to reach `peer`, with `cause` kept: ERR_DNS_TLS where OpenSSL
 * says it, else ERR_DNS_CONNECT.
 */
export function connectFailure(peer: Peer, cause: unknown): DnsError {
  if (OPENSSL.test(systemCode(cause))) return tlsFailure(peer, describeTls(peer, cause), cause)
  return new DnsError('ERR_DNS_CONNECT', describe(peer, cause), { cause, upstream: peer.name })
}

/** ERR_DNS_TLS: `what` keeps us from trusting `peer`. */
export function tlsFailure({ name }: Peer, what: string, cause?: unknown): DnsError {
  return new DnsError('ERR_DNS_TLS', `${name}: ${what}`, { cause, upstream: name })
}

/** `peer` did not do `what` within `limit` ms: ERR_DNS_CONNECT. */
export function lateFailure({ name }: Peer, what: string, limit: number): DnsError {
  return new DnsError('ERR_DNS_CONNECT', `${name} did not ${what} within ${limit} ms`, { upstream: name })
}

/**
 * Every address of `name` failed: ERR_DNS_TLS where one of them could not be trusted, else ERR_DNS_CONNECT. `cause`
 * holds all failures, with the system's code of the one that says most about the server.
 */
export function allFailed(name: string, failures: readonly DnsError[]): DnsError {
  const telling =
    failures.find(({ code }) => code === 'ERR_DNS_TLS') ??
    failures.find(({ cause }) => !NO_WAY.has(systemCode(cause))) ??
    failures[0]!
  const message = failures.map((failure) => failure.message).join('; ')
  const cause = Object.assign(new AggregateError(failures, message), { code: systemCode(telling.cause) })
  return new DnsError(telling.code, message, { cause, upstream: name })
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

function describeTls({ address, port }: Peer, cause: unknown): string {
  const where = endpoint(address, port)
  const code = systemCode(cause)
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return `${where} does not speak TLS`
  if (code.endsWith('ALERT_NO_APPLICATION_PROTOCOL')) return `${where} speaks none of the protocols that were offered`
  return `TLS with ${where} failed: ${code.replace(OPENSSL, '').toLowerCase().replaceAll('_', ' ')}`
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
