/**
 * What went wrong, as a stable code. Match on this, never on `message`.
 *
 * | code | meaning |
 * |---|---|
 * | `ERR_DNS_TIMEOUT` | no reply before the deadline |
 * | `ERR_DNS_CANCELLED` | the caller lost interest, or another attempt was faster |
 * | `ERR_DNS_MALFORMED` | octets that are not a DNS message, or a name or record that cannot be encoded |
 * | `ERR_DNS_NO_UPSTREAM` | nobody to ask: an empty pool, or `failFast` with every member down |
 * | `ERR_DNS_ALL_FAILED` | every attempt failed; `causes` has one entry per attempt |
 * | `ERR_DNS_CONNECT` | no connection, or it broke: refused, reset, unreachable, closed by the peer |
 * | `ERR_DNS_TLS` | the peer could not be authenticated |
 * | `ERR_DNS_CLOSED` | the object was closed or destroyed |
 * | `ERR_DNS_OVERLOADED` | a limit of our own (`maxOutstanding`, a full send queue) is reached |
 * | `ERR_DNS_LISTEN` | a server cannot listen on an address; `cause` is the system's error |
 * | `ERR_DNS_INVALID_OPTION` | an option or argument is unknown, of the wrong type or out of range |
 * | `ERR_DNS_INVALID_ADDRESS` | an address that cannot be read |
 * | `ERR_DNS_INVALID_CONFIG` | a configuration document that cannot be used; `problems` says where and why |
 */
export type ErrorCode =
  | 'ERR_DNS_TIMEOUT'
  | 'ERR_DNS_CANCELLED'
  | 'ERR_DNS_MALFORMED'
  | 'ERR_DNS_NO_UPSTREAM'
  | 'ERR_DNS_ALL_FAILED'
  | 'ERR_DNS_CONNECT'
  | 'ERR_DNS_TLS'
  | 'ERR_DNS_CLOSED'
  | 'ERR_DNS_OVERLOADED'
  | 'ERR_DNS_LISTEN'
  | 'ERR_DNS_INVALID_OPTION'
  | 'ERR_DNS_INVALID_ADDRESS'
  | 'ERR_DNS_INVALID_CONFIG'

/** Details of a {@link DnsError} beside its message. */
export interface DnsErrorOptions extends ErrorOptions {
  /** Name of the upstream it is about. */
  readonly upstream?: string
}

/** Base class of every error that this library throws or rejects with. */
export class DnsError extends Error {
  readonly code: ErrorCode
  /** Name of the upstream that it is about, or null when it is about none in particular. */
  readonly upstream: string | null

  constructor(code: ErrorCode, message: string, options: DnsErrorOptions = {}) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.upstream = options.upstream ?? null
  }

  /** Whether a cache remembered it of an earlier query, so that nobody was asked (RFC 9520); such a copy has a property of its own. */
  get cached(): boolean {
    return false
  }
}

/** No reply arrived before the deadline: `ERR_DNS_TIMEOUT`. */
export class TimeoutError extends DnsError {
  /** How long was waited, in ms. */
  readonly elapsed: number

  /** @param why for want of what, where it is known that it wasn't the reply */
  constructor(upstream: string, elapsed: number, why = '') {
    const what = `${upstream} did not reply within ${Math.round(elapsed)} ms`
    super('ERR_DNS_TIMEOUT', why === '' ? what : `${what}: ${why}`, { upstream })
    this.elapsed = elapsed
  }
}

/** Octets that are not a DNS message, or break a rule that its RFC makes a MUST: `ERR_DNS_MALFORMED`. */
export class MalformedMessageError extends DnsError {
  constructor(what: string, options: ErrorOptions = {}) {
    super('ERR_DNS_MALFORMED', what, options)
  }
}

/** Every attempt failed and none brought a reply: `ERR_DNS_ALL_FAILED`. */
export class AllUpstreamsFailedError extends DnsError {
  /** One entry per attempt, in the order in which they ended. */
  readonly causes: readonly unknown[]

  constructor(pool: string, causes: readonly unknown[]) {
    super('ERR_DNS_ALL_FAILED', `${pool}: ${describeCauses(causes)}`, { cause: causes[0] })
    this.causes = causes
  }
}

/** An option or argument is not known, has the wrong type or is out of range: `ERR_DNS_INVALID_OPTION`. */
export class InvalidOptionError extends DnsError {
  /** The class or function that was given the option. */
  readonly owner: string
  /** The option's name, dotted where it is nested. */
  readonly option: string

  constructor(owner: string, option: string, problem: string) {
    super('ERR_DNS_INVALID_OPTION', `${owner}: option "${option}" ${problem}`)
    this.owner = owner
    this.option = option
  }
}

/** An address that cannot be read: `ERR_DNS_INVALID_ADDRESS`. */
export class InvalidAddressError extends DnsError {
  /** What was given. */
  readonly input: string

  constructor(input: string, problem: string) {
    super('ERR_DNS_INVALID_ADDRESS', `address ${JSON.stringify(input.slice(0, 200))} ${problem}`)
    this.input = input
  }
}

/**
 * Why a losing attempt stopped. One shared instance: capturing a stack costs about 4 µs and says nothing about a query
 * that simply lost a race.
 */
export const CANCELLED: DnsError = Object.freeze(new DnsError('ERR_DNS_CANCELLED', 'no longer needed'))

function describeCauses(causes: readonly unknown[]): string {
  if (causes.length === 0) return 'nobody could be asked'
  const first = causes[0] instanceof Error ? causes[0].message : String(causes[0])
  return causes.length === 1 ? first : `all ${causes.length} attempts failed, the first because ${first}`
}
