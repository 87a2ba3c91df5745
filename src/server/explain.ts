import { AllUpstreamsFailedError, DnsError, type ErrorCode } from '../errors.js'
import { EDE } from '../wire/constants.js'
import type { ExtendedError } from '../wire/edns.js'

/** What a client is told that got no reply in time. */
export const NO_REPLY: ExtendedError = { code: EDE.NO_REACHABLE_AUTHORITY, text: 'timeout' }

const CACHED: ExtendedError = { code: EDE.CACHED_ERROR, text: '' }
const UNKNOWN: ExtendedError = { code: EDE.OTHER, text: '' }
const MIXED: ExtendedError = { code: EDE.NO_REACHABLE_AUTHORITY, text: '' }
const BY_CODE: ReadonlyMap<ErrorCode, ExtendedError> = new Map<ErrorCode, ExtendedError>([
  ['ERR_DNS_TIMEOUT', NO_REPLY],
  ['ERR_DNS_NO_UPSTREAM', { code: EDE.NO_REACHABLE_AUTHORITY, text: 'no upstream is up' }],
  ['ERR_DNS_CONNECT', { code: EDE.NETWORK_ERROR, text: '' }],
  ['ERR_DNS_TLS', { code: EDE.NETWORK_ERROR, text: 'TLS' }],
  ['ERR_DNS_MALFORMED', { code: EDE.INVALID_DATA, text: '' }],
])

/**
 * The extended error that says why asking failed (RFC 8914, section 4): Network Error where every attempt broke off, No
 * Reachable Authority where one had no reply or nobody could be asked, Invalid Data for a reply that can't be passed on.
 * The text tells a timeout from nobody to ask, and a server that isn't trusted from one that isn't there.
 */
export function explain(error: unknown): ExtendedError {
  if (error instanceof AllUpstreamsFailedError) return inCommon(error.causes.map(explain))
  return (error instanceof DnsError && BY_CODE.get(error.code)) || UNKNOWN
}

/** What a client is told of `error`: that it is remembered, if so, and why asking failed. */
export function explainAll(error: unknown): readonly ExtendedError[] {
  const why = explain(error)
  return error instanceof DnsError && error.cached ? [CACHED, why] : [why]
}

function inCommon(errors: readonly ExtendedError[]): ExtendedError {
  const [first] = errors
  if (first === undefined || errors.some(({ code }) => code !== first.code)) return MIXED
  return errors.every(({ text }) => text === first.text) ? first : { code: first.code, text: '' }
}
