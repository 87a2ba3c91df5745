import { AllUpstreamsFailedError, DnsError, type ErrorCode } from '../errors.js'
import type { Reply } from '../exchanger.js'
import { RCODE, rcodeName } from '../wire/constants.js'
import type { ExtendedError } from '../wire/edns.js'

/** Codes of our own and what they are to `node:dns`; to it, whoever else can't be asked refuses. */
const CODES: ReadonlyMap<ErrorCode, string> = new Map([
  ['ERR_DNS_TIMEOUT', 'ETIMEOUT'],
  ['ERR_DNS_MALFORMED', 'EBADRESP'],
  ['ERR_DNS_CANCELLED', 'ECANCELLED'],
  ['ERR_DNS_CLOSED', 'EDESTRUCTION'],
])

/** What is known of a failure beside its code. */
export interface FailureDetails {
  /** The system's number for it. @default undefined, as c-ares' errors have none */
  readonly errno?: number
  /** The reply that says so. */
  readonly reply?: Reply | null
  /** Why there is none. */
  readonly cause?: unknown
}

/**
 * A failure as `node:dns` reports it: `code`, `errno`, `syscall`, `hostname` and `message` are what it would say;
 * `upstream`, `rcode`, `ede` and `cause` say more.
 */
export class ResolverError extends Error {
  /** A libuv error number, negative; undefined where `node:dns` has none. */
  readonly errno: number | undefined
  /** Such as `ENOTFOUND`; `node:dns` lists them. */
  readonly code: string
  /** Such as `queryA` or `getaddrinfo`. */
  readonly syscall: string
  /** The name or IP address as it was given; absent where that was empty. */
  declare readonly hostname?: string
  /** Name of the upstream that it is about, or null. */
  readonly upstream: string | null
  /** Name of the reply's RCODE; null where there was no reply. */
  readonly rcode: string | null
  /** Extended errors of the reply (RFC 8914). */
  readonly ede: readonly ExtendedError[]

  /** @internal */
  constructor(code: string, syscall: string, hostname: string, details: FailureDetails = {}) {
    const { errno, reply = null, cause } = details
    super(
      hostname === '' ? `${syscall} ${code}` : `${syscall} ${code} ${hostname}`,
      cause === undefined ? undefined : { cause },
    )
    this.errno = errno
    this.code = code
    this.syscall = syscall
    if (hostname !== '') this.hostname = hostname
    this.upstream = reply === null ? upstreamOf(cause) : reply.upstream
    this.rcode = reply === null ? null : rcodeName(reply.message.rcode)
    this.ede = reply === null ? [] : reply.message.ede
  }
}

/** The error of `reverse` for what is no IP address; the number is libuv's. */
export function invalidAddress(ip: string): ResolverError {
  return new ResolverError('EINVAL', 'getHostByAddr', ip, { errno: -22 })
}

/** `code` of an RCODE that is a failure whatever the reply holds, as c-ares has it; null where the records decide. */
export function codeOfRcode(rcode: number): string | null {
  switch (rcode) {
    case RCODE.FORMERR:
      return 'EFORMERR'
    case RCODE.SERVFAIL:
      return 'ESERVFAIL'
    case RCODE.NXDOMAIN:
      return 'ENOTFOUND'
    case RCODE.NOTIMP:
      return 'ENOTIMP'
    case RCODE.REFUSED:
      return 'EREFUSED'
    default:
      return null
  }
}

/** The code of `node:dns` for a query that brought no reply. */
export function codeOfFailure(error: unknown): string {
  if (!(error instanceof DnsError)) return 'ECONNREFUSED'
  if (error instanceof AllUpstreamsFailedError) return codeOfAll(error.causes)
  return CODES.get(error.code) ?? 'ECONNREFUSED'
}

/** Silence of one counts for more than refusals of the others: another time it may answer. */
function codeOfAll(causes: readonly unknown[]): string {
  const codes = causes.map(codeOfFailure)
  return codes.includes('ETIMEOUT') ? 'ETIMEOUT' : (codes.at(-1) ?? 'ECONNREFUSED')
}

function upstreamOf(cause: unknown): string | null {
  return cause instanceof DnsError ? cause.upstream : null
}
