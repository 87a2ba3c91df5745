import { EDNS_OPTION, RCODE, typeName } from '../wire/constants.js'
import { Message } from '../wire/message.js'
import type { ResourceRecordInput } from '../wire/record.js'
import type { Step } from './behaviour.js'
import type { FakeRecord } from './fake-answers.js'
import { badReply } from './bad-replies.js'

const TTL = 300
const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ['A', '192.0.2.1'],
  ['AAAA', '2001:db8::1'],
])
/** Of the root, so that it is above every name. */
const SOA: ResourceRecordInput = {
  name: '.',
  type: 'SOA',
  ttl: TTL,
  data: {
    mname: 'fake.invalid',
    rname: 'nobody.invalid',
    serial: 1,
    refresh: 3600,
    retry: 1200,
    expire: 604_800,
    minimum: TTL,
  },
}

/** The reply that a behaviour makes to `query`. */
export function makeReply(given: Extract<Step, { kind: 'reply' }>['reply'], query: Message): Message {
  const { rcode, answers, authority, additional, ede, authoritative, authenticData, truncated, wrong } = given
  const subnet = given.subnet ?? (given.scope === null ? null : query.subnet)
  const bare = answers === null && authority === null && !truncated
  const data = rcode === 0 && bare ? DEFAULTS.get(typeName(query.qtype)) : undefined
  const negative = bare && data === undefined && (rcode === 0 || rcode === RCODE.NXDOMAIN)
  const reply = Message.reply(query, {
    rcode,
    answers: fill(data === undefined ? answers : [data], query),
    authority: negative ? [SOA] : fill(authority, query),
    additional: fill(additional, query),
    ede,
    authoritative,
    authenticData,
    truncated,
    ...(subnet !== null && {
      edns: { options: [{ code: EDNS_OPTION.CLIENT_SUBNET, data: subnet.scoped(given.scope ?? 0).octets }] },
    }),
  })
  return wrong === null ? reply : new Message(badReply(`wrong-${wrong}`, query, reply.wire))
}

function fill(records: readonly FakeRecord[] | null, query: Message): ResourceRecordInput[] {
  const asked = { name: query.question?.name ?? '.', type: query.qtype, ttl: TTL }
  return (records ?? []).map((record) => ({ ...asked, ...(typeof record === 'string' ? { data: record } : record) }))
}
