import { AllUpstreamsFailedError, DnsError, type ErrorCode } from '../errors.js'
import { EDE } from '../wire/constants.js'

const CODES: ReadonlyMap<ErrorCode, number> = new Map<ErrorCode, number>([
  ['ERR_DNS_CONNECT', EDE.NETWORK_ERROR],
  ['ERR_DNS_TLS', EDE.NETWORK_ERROR],
  ['ERR_DNS_TIMEOUT', EDE.NO_REACHABLE_AUTHORITY],
  ['ERR_DNS_NO_UPSTREAM', EDE.NO_REACHABLE_AUTHORITY],
  ['ERR_DNS_MALFORMED', EDE.INVALID_DATA],
])

/**
 * The extended error that says why asking failed (RFC 8914, section 4): Network Error where every attempt broke off, No
 * Reachable Authority where one had no reply or nobody could be asked, Invalid Data for a reply that can't be passed on.
 */
export function explain(error: unknown): number {
  if (error instanceof AllUpstreamsFailedError) {
    const codes = error.causes.map(explain)
    return codes.length > 0 && codes.every((code) => code === codes[0]) ? codes[0]! : EDE.NO_REACHABLE_AUTHORITY
  }
  return error instanceof DnsError ? (CODES.get(error.code) ?? EDE.OTHER) : EDE.OTHER
}
