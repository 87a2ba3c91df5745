import { DnsError } from '../errors.js'
import type { ConnectionEnd } from '../quic/types.js'
import { connectFailure, endpoint, lateFailure, tlsFailure, type Peer } from './failure.js'
import { day } from './tls-verification.js'

/** Error codes of QUIC from here to 255 above are alerts of TLS (RFC 9001, section 4.8). */
const CRYPTO_ERROR = 0x100
const NO_APPLICATION_PROTOCOL = CRYPTO_ERROR + 120

/** What it means that a connection to `peer` ended before it was up; `limit`: how long that might have taken, in ms. */
export function quicFailure(peer: Peer, end: ConnectionEnd, limit: number): DnsError {
  const { cause, code, reason, error } = end
  const where = endpoint(peer.address, peer.port)
  if (error !== undefined) return connectFailure(peer, error)
  if (cause === 'timeout' || cause === 'idle') return lateFailure(peer, 'finish the QUIC handshake', limit)
  if (cause === 'version') return failed(peer, `${where} speaks no version of QUIC that is known here`)
  if (cause !== 'transport' || code < CRYPTO_ERROR || code > CRYPTO_ERROR + 255)
    return failed(peer, `the QUIC connection to ${where} broke: ${reason}`)
  if (code === NO_APPLICATION_PROTOCOL)
    return tlsFailure(peer, `${where} speaks none of the protocols that were offered`)
  const fault = certificateFault(reason)
  return tlsFailure(
    peer,
    fault === null ? `TLS with ${where} failed: ${reason}` : `the certificate of ${where} ${fault}`,
  )
}

/** What the core has against a certificate in the words that are used for TLS, or null where it is about something else. */
function certificateFault(reason: string): string | null {
  const [, fault] = /invalid peer certificate: (.*)/.exec(reason) ?? []
  if (fault === undefined) return null
  const expired = /certificate expired.* after (\d+)/.exec(fault)
  if (expired !== null) return `has expired on ${day(1000 * Number(expired[1]))}`
  const early = /not valid yet.* before (\d+)/.exec(fault)
  if (early !== null) return `is not valid before ${day(1000 * Number(early[1]))}`
  if (/UnknownIssuer|BadSignature/.test(fault)) return 'is not signed by a trusted authority'
  if (/CaUsedAsEndEntity/.test(fault)) return 'is an authority’s own'
  if (/InvalidPurpose|purpose|extended key usage/i.test(fault)) return 'is not one for servers'
  return `is not valid: ${fault}`
}

function failed({ name }: Peer, what: string): DnsError {
  return new DnsError('ERR_DNS_CONNECT', `${name}: ${what}`, { upstream: name })
}
