import type { TransportName } from '../exchanger.js'
import { Message } from '../wire/message.js'
import type { ReplyOptions } from '../wire/build.js'
import type { ResourceRecordInput } from '../wire/record.js'

/** A query that reached a {@link FakeServer}. */
export interface AskedQuery {
  /** QNAME in presentation form as it was spelt, without a trailing dot. */
  readonly name: string
  readonly type: string
  readonly transport: TransportName
  /** How HTTP asked (RFC 8484, section 4.1); null over other transports. */
  readonly method: 'GET' | 'POST' | null
  /** Message ID. */
  readonly id: number
  /** The query, its octets in `message.wire`. */
  readonly message: Message
  readonly wire: Buffer
  readonly remoteAddress: string
  readonly remotePort: number
}

/** A record; name, type and TTL are those of the question, and 300 s, where they are left out. A bare string is the data. */
export type FakeRecord = string | (Partial<ResourceRecordInput> & Pick<ResourceRecordInput, 'data'>)

/** An RCODE by name, the records of the answer section, all of a reply, a message of your own, or null for silence. */
export type FakeAnswer = string | readonly FakeRecord[] | ReplyOptions | Message | null

/** What to answer, decided for each query. */
export type AnswerFunction = (query: AskedQuery) => FakeAnswer | Promise<FakeAnswer>

/** Answers by `name TYPE` or by `name` alone, in any case; what isn't listed gets the default answer. */
export type AnswerTable = Readonly<Record<string, FakeAnswer>>

const TTL = 300
const DEFAULTS: ReadonlyMap<string, string> = new Map([
  ['A', '192.0.2.1'],
  ['AAAA', '2001:db8::1'],
])

/** Any script as a function: a table looked up, nothing at all as the default answers. */
export function answerer(script: AnswerFunction | AnswerTable | undefined): AnswerFunction {
  if (typeof script === 'function') return script
  const table = new Map(Object.entries(script ?? {}).map(([key, answer]) => [canonical(key), answer]))
  return (query) => {
    const name = canonical(query.name)
    const answer = table.get(`${name} ${query.type.toLowerCase()}`) ?? table.get(name)
    return answer === undefined ? defaultAnswer(query) : answer
  }
}

/** The message that `answer` means as a reply to `query`; null for silence. */
export function replyTo(query: AskedQuery, answer: FakeAnswer): Message | null {
  if (answer === null || answer instanceof Message) return answer
  return Message.reply(query.message, replyOptions(query, answer))
}

/** 192.0.2.1 or 2001:db8::1, TTL 300 s; for other types, no records. */
function defaultAnswer(query: AskedQuery): FakeAnswer {
  const data = DEFAULTS.get(query.type)
  return data === undefined ? [] : [data]
}

function replyOptions(query: AskedQuery, answer: string | readonly FakeRecord[] | ReplyOptions): ReplyOptions {
  if (typeof answer === 'string') return { rcode: answer as NonNullable<ReplyOptions['rcode']> }
  if (!isList(answer)) return answer
  return { answers: answer.map((record) => fill(query, record)) }
}

function fill(query: AskedQuery, record: FakeRecord): ResourceRecordInput {
  const given = typeof record === 'string' ? { data: record } : record
  return { name: query.name, type: query.type, ttl: TTL, ...given }
}

function isList(answer: readonly FakeRecord[] | ReplyOptions): answer is readonly FakeRecord[] {
  return Array.isArray(answer)
}

/** `Example.COM. A` and `example.com a` are the same key. */
function canonical(key: string): string {
  const [name = '', type] = key.toLowerCase().trim().split(/\s+/)
  const bare = name.length > 1 && name.endsWith('.') ? name.slice(0, -1) : name
  return type === undefined ? bare : `${bare} ${type}`
}
