import type { Reply, Trace } from '../exchanger.js'
import { RCODE, rcodeName } from '../wire/constants.js'
import type { Message } from '../wire/message.js'

const WHY: Record<Verdict, string> = {
  final: 'ends the search',
  weak: 'no data and no SOA, kept while others are under way',
  poor: 'tries on, kept in case nobody does better',
  truncated: 'no transport could complete it, tries on',
}
/** EDE info codes that say that DNSSEC validation failed (RFC 8914, sections 4.7 to 4.13). */
const FIRST_DNSSEC_FAILURE = 6
const LAST_DNSSEC_FAILURE = 12

/**
 * What a reply is worth to a search, best first.
 *
 * - `final`: data, NXDOMAIN, a proven NODATA, or a SERVFAIL because validation failed: asking another would be a
 *   downgrade. The search ends.
 * - `weak`: NOERROR with neither data nor SOA, as a lame server sends it. Good enough when nobody else is being asked.
 * - `poor`: SERVFAIL, REFUSED, NOTIMP and the like: this server could not. Kept in case that nobody can.
 * - `truncated`: TC=1 that no transport could complete.
 */
export type Verdict = 'final' | 'weak' | 'poor' | 'truncated'

/** Judges `reply`, whose question has been matched already. */
export function judge(reply: Message): Verdict {
  if (reply.truncated) return 'truncated'
  const { rcode } = reply
  if (rcode === RCODE.NOERROR) return reply.hasData || reply.hasSoa ? 'final' : 'weak'
  if (rcode === RCODE.NXDOMAIN) return 'final'
  return rcode === RCODE.SERVFAIL && failedValidation(reply) ? 'final' : 'poor'
}

/** Whether a pool that brought only `reply` has failed, so that the next pool is asked. */
export function isPoolFailure(reply: Message): boolean {
  const verdict = judge(reply)
  return (
    verdict === 'truncated' || (verdict === 'poor' && (reply.rcode === RCODE.SERVFAIL || reply.rcode === RCODE.REFUSED))
  )
}

/** Writes down what became of `reply`; `verdict` is null where it hasn't been needed so far. */
export function noteVerdict(trace: Trace | null, pool: string, reply: Reply, verdict: Verdict | null): void {
  if (trace === null) return
  trace.add({
    step: 'verdict',
    pool,
    upstream: reply.upstream,
    why: `${rcodeName(reply.message.rcode)}: ${WHY[verdict ?? judge(reply.message)]}`,
  })
}

function failedValidation(reply: Message): boolean {
  return reply.ede.some(({ code }) => code >= FIRST_DNSSEC_FAILURE && code <= LAST_DNSSEC_FAILURE)
}
