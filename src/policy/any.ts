import { TYPE } from '../wire/constants.js'
import { Message } from '../wire/message.js'

/** What becomes of a query for ANY: asked upstream, refused as not implemented, or answered with one record. */
export type AnyPolicy = 'pass' | 'notimp' | 'hinfo'

/** One day: no client has reason to ask again soon. */
const TTL = 86_400

/** The reply that `policy` makes of a query for ANY (RFC 8482, section 4.2), or null when `query` is to go on. */
export function answerAny(query: Message, policy: AnyPolicy): Message | null {
  if (policy === 'pass' || query.qtype !== TYPE.ANY) return null
  if (policy === 'notimp') return Message.reply(query, { rcode: 'NOTIMP' })
  const name = query.question?.name ?? '.'
  const record = { name, type: 'HINFO', class: query.qclass, ttl: TTL, data: { cpu: 'RFC8482', os: '' } }
  return Message.reply(query, { answers: [record] })
}
