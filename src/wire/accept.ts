import { Buffer } from 'node:buffer'
import { EDNS_OPTION, OPCODE, RCODE, TYPE } from './constants.js'
import { echoesSubnet, optLength, optionFault, paddingLength, writeOpt, type OptOut } from './edns.js'
import { Message } from './message.js'
import { sameQuestion } from './question.js'
import type { Subnet } from './subnet.js'
import { endOfQuestion, HEADER, lastFault, MARK, walk } from './walk.js'

/** The longest message, octets. */
const MAX_MESSAGE = 65_535

/** A query to be answered. */
export interface Accepted {
  readonly kind: 'query'
  readonly message: Message
}

/** A packet that gets no reply at all. */
export interface Dropped {
  readonly kind: 'drop'
  readonly why: string
}

/** A packet that gets an error and goes no further. {@link errorReply} writes it. */
export interface Refused {
  readonly kind: 'refuse'
  readonly rcode: number
  readonly why: string
  /** Header and, where it can be read, question. Its records may be malformed. */
  readonly message: Message
  /** Whether the client sent an OPT record that can be read, so that the reply has one too (RFC 6891, section 6.1.1). */
  readonly hasOpt: boolean
}

/** What becomes of a packet from a client. */
export type Verdict = Accepted | Dropped | Refused

const SHORT: Dropped = Object.freeze({ kind: 'drop', why: 'is shorter than a header' })
const REPLY: Dropped = Object.freeze({ kind: 'drop', why: 'is a reply' })

/**
 * What a server does with `wire` from a client: judged before anything costs. `stream`: it came over TCP, TLS or QUIC.
 *
 * | packet | verdict |
 * |---|---|
 * | shorter than a header, or a reply | dropped |
 * | another opcode than QUERY, AXFR, IXFR | NOTIMP |
 * | not one question, malformed anywhere, records that no query has, QTYPE that can't be asked for | FORMERR |
 * | EDNS version over 0 | BADVERS (RFC 6891, section 6.1.3) |
 */
export function acceptQuery(wire: Buffer, stream = false): Verdict {
  if (wire.length < HEADER) return SHORT
  if ((wire[2]! & 0x80) !== 0) return REPLY
  if ((wire[2]! & 0x78) !== OPCODE.QUERY) return refuse(wire, RCODE.NOTIMP, 'has an opcode that is not implemented')
  if (wire[4] !== 0 || wire[5] !== 1) return refuse(wire, RCODE.FORMERR, 'does not have exactly one question')
  const end = endOfQuestion(wire)
  if (end < 0) return refuse(wire, RCODE.FORMERR, lastFault())
  const type = (wire[end - 4]! << 8) | wire[end - 3]!
  if (type === TYPE.AXFR || type === TYPE.IXFR) return refuse(wire, RCODE.NOTIMP, 'asks for a zone transfer')
  const message = Message.read(wire, end)
  if (message === null) return refuse(wire, RCODE.FORMERR, walk(wire, end))
  const fault =
    message.wire.length === wire.length ? queryFault(message, type, stream) : 'has octets after its last record'
  if (fault === '') return { kind: 'query', message }
  return {
    kind: 'refuse',
    rcode: fault === BADVERS ? RCODE.BADVERS : RCODE.FORMERR,
    why: fault,
    message,
    hasOpt: message.hasOpt,
  }
}

/**
 * What an upstream's octets are as a reply to `query`, whose ID they carry: a well-formed message with its question, or
 * null, which means to keep waiting for the true reply (A06).
 *
 * A reply with TC=1 need only have its header and question right: one whose records can't be read comes without
 * them. An error without a question (FORMERR, SERVFAIL, NOTIMP, REFUSED) comes with that of `query`. Octets after the last record
 * are left out, as BIND and unbound do. One that is about another network than `subnet`, which went with the query, is no
 * reply to it (RFC 7871, section 7.3).
 */
export function acceptReply(wire: Buffer, query: Message, subnet: Subnet | null = null): Message | null {
  if (wire.length < HEADER || (wire[2]! & 0x80) === 0) return null
  if (((wire[2]! ^ query.wire[2]!) & 0x78) !== 0) return null
  const end = query.questionEnd
  if (wire[4] !== 0 || wire[5] !== 1) return (wire[4]! | wire[5]!) === 0 ? bareError(wire, query, end) : null
  if (query.wire[5] !== 1 || !sameQuestion(query.wire, wire, end)) return null
  const reply = Message.read(wire, end)
  if (reply === null && (wire[2]! & 2) !== 0) return cut(wire, wire, end)
  return subnet === null || reply === null || isFor(subnet, reply) ? reply : null
}

/**
 * The octets of an error: header and question of `query`, where that can be read, and `opt`. Without `opt` an
 * RCODE over 15 becomes SERVFAIL. Null for what must not be answered: a reply, or less than a header.
 */
export function errorReply(query: Message | Buffer, rcode: number, opt: OptOut | null): Buffer | null {
  const wire = query instanceof Message ? query.wire : query
  if (wire.length < HEADER || (wire[2]! & 0x80) !== 0) return null
  const read = endOfQuestion(wire)
  const end = read < 0 ? HEADER : read
  const size = end + (opt === null ? 0 : optLength(opt))
  const padding = opt === null ? 0 : paddingLength(size, opt.padTo, MAX_MESSAGE)
  const out = Buffer.alloc(size + padding)
  wire.copy(out, 0, 0, 3)
  wire.copy(out, HEADER, HEADER, end)
  out[2] = 0x80 | (wire[2]! & 0x79)
  out[3] = 0x80 | (wire[3]! & 0x10) | (opt === null && rcode > 15 ? RCODE.SERVFAIL : rcode & 15)
  out[5] = end === HEADER ? 0 : 1
  if (opt !== null) {
    out[11] = 1
    writeOpt(out, end, opt, rcode >> 4, padding)
  }
  return out
}

const BADVERS = 'has an EDNS version that is not implemented'

/** What is wrong with a well-formed query, or the empty string. */
function queryFault(message: Message, type: number, stream: boolean): string {
  const { wire } = message
  if ((wire[6]! | wire[7]! | wire[8]! | wire[9]!) !== 0) return 'has answer or authority records'
  if (type === 0 || type === TYPE.OPT || type === TYPE.TSIG || type === TYPE.NXNAME)
    return 'asks for a type that cannot be asked for'
  if (message.qclass === 0) return 'asks for class 0'
  if ((wire[10]! | wire[11]!) === 0) return ''
  const { opt, marks } = message.layout
  if ((marks & MARK.EXTRA) !== 0) return 'has additional records other than OPT, TSIG and SIG(0)'
  if (opt === 0) return ''
  return wire[opt + 6] !== 0 ? BADVERS : optionFault(wire, opt, stream)
}

function refuse(wire: Buffer, rcode: number, why: string): Refused {
  const message = new Message(wire)
  const hasOpt = walk(wire, 0) === '' && message.hasOpt
  return { kind: 'refuse', rcode, why, message, hasOpt }
}

/** An error reply that lost its question, with that of `query`; null for anything else without a question. */
function bareError(wire: Buffer, query: Message, end: number): Message | null {
  const rcode = wire[3]! & 15
  const isError =
    rcode === RCODE.FORMERR || rcode === RCODE.SERVFAIL || rcode === RCODE.NOTIMP || rcode === RCODE.REFUSED
  if (!isError || (wire[6]! | wire[7]! | wire[8]! | wire[9]!) !== 0) return null
  return cut(wire, query.wire, end)
}

/** Whether `reply` is for no other network than `subnet`. */
function isFor(subnet: Subnet, reply: Message): boolean {
  return !reply.hasOption(EDNS_OPTION.CLIENT_SUBNET) || echoesSubnet(reply.edns!.options, subnet)
}

/** The header of `wire` with the question of `question` and no records. */
function cut(wire: Buffer, question: Buffer, end: number): Message | null {
  const out = Buffer.alloc(end)
  wire.copy(out, 0, 0, 4)
  out[5] = end === HEADER ? 0 : 1
  question.copy(out, HEADER, HEADER, end)
  return Message.read(out, end)
}
