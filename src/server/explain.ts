import { AllUpstreamsFailedError, DnsError } from '../errors.js'
import { EDE } from '../wire/constants.js'

/**
 * The extended error that says why asking failed (RFC 8914, section 4): Network Error where every attempt broke off, No
 * Reachable Authority where one had no reply or nobody could be asked, Invalid Data for a reply that can't be passed on.
 */
export function explain(error: unknown): number {
  if (error instanceof AllUpstreamsFailedError) {
    const codes = error.causes.map(explain)
    return codes.length > 0 && codes.every((code) => code === codes[0]) ? codes[0]! : EDE.NO_REACHABLE_AUTHORITY
  }
  if (!(error instanceof DnsError)) return EDE.OTHER
  switch (error.code) {
    case 'ERR_DNS_CONNECT':
    case 'ERR_DNS_TLS':
      return EDE.NETWORK_ERROR
    case 'ERR_DNS_TIMEOUT':
    case 'ERR_DNS_NO_UPSTREAM':
      return EDE.NO_REACHABLE_AUTHORITY
    case 'ERR_DNS_MALFORMED':
      return EDE.INVALID_DATA
    default:
      return EDE.OTHER
  }
}
