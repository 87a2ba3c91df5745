/** What became of an attempt or a query: replies by RCODE, then failures. So few on purpose: each is a series of every upstream. */
export const STATUSES = [
  'noerror',
  'formerr',
  'servfail',
  'nxdomain',
  'notimp',
  'refused',
  'other_rcode',
  'timeout',
  'connect',
  'tls',
  'malformed',
  'failed',
  'cancelled',
] as const

/** One of {@link STATUSES}. */
export type Status = (typeof STATUSES)[number]

/** Those that are replies, whatever they say. */
export const REPLIES: ReadonlySet<string> = new Set<Status>(STATUSES.slice(0, 7))

/** Statuses by RCODE number. */
const OF_RCODE: readonly Status[] = STATUSES.slice(0, 6)

const OF_ERROR: ReadonlyMap<string, Status> = new Map<string, Status>([
  ['ERR_DNS_TIMEOUT', 'timeout'],
  ['ERR_DNS_CONNECT', 'connect'],
  ['ERR_DNS_TLS', 'tls'],
  ['ERR_DNS_MALFORMED', 'malformed'],
  ['ERR_DNS_CANCELLED', 'cancelled'],
])

export function statusOfRcode(rcode: number): Status {
  return OF_RCODE[rcode] ?? 'other_rcode'
}

export function statusOfError(code: string): Status {
  return OF_ERROR.get(code) ?? 'failed'
}

/** Counts by status, every status among them. */
export function noCounts(): Record<Status, number> {
  return Object.fromEntries(STATUSES.map((status) => [status, 0])) as Record<Status, number>
}
