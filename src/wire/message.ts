import { Buffer } from 'node:buffer'
import type { Query } from '../exchanger.js'
import { buildQuery, buildReply, type QueryOptions, type ReplyOptions } from './build.js'
import { composeFor, type CopyOptions } from './compose.js'
import { className, EDNS_OPTION, RCODE, TYPE, typeName } from './constants.js'
import { askDnssec, dropDnssec } from './dnssec.js'
import {
  blankSubnets,
  optLength,
  OPT_LENGTH,
  paddingLength,
  queryOptionsLength,
  readEde,
  readEdns,
  readSubnet,
  writeBareOpt,
  writeOpt,
  writeQueryOptions,
  type Edns,
  type ExtendedError,
  type QueryExtras,
} from './edns.js'
import { MessageView } from './message-view.js'
import { nameFromWire } from './name.js'
import { sameQuestion } from './question.js'
import type { ResourceRecord } from './record.js'
import { readRecords } from './records.js'
import { scrub } from './scrub.js'
import type { Subnet } from './subnet.js'
import { hasOddTtls, lowerTtls } from './ttl.js'
import { found, HEADER, MARK, walk } from './walk.js'

/** The question of a message in presentation form. */
export interface Question {
  readonly name: string
  readonly type: string
  readonly class: string
}

/** How a query goes out to an upstream. */
export interface UpstreamOptions extends QueryExtras {
  /** Largest UDP reply to ask for, octets. */
  readonly udpPayloadSize: number
  /** Whether our OPT record goes along (RFC 6891, section 6.2.2: not once the server refused it). */
  readonly edns: boolean
  /** Whether its length goes in front, in two octets, as on a stream (RFC 1035, section 4.2.2). @default false */
  readonly framed?: boolean
}

/** What was read on demand; most messages pass through without. */
interface Extras {
  question?: Question | null
  answers?: readonly ResourceRecord[]
  authority?: readonly ResourceRecord[]
  additional?: readonly ResourceRecord[]
  edns?: Edns | null
  ede?: readonly ExtendedError[]
  subnet?: Subnet | null
  read?: (message: Message) => unknown
  result?: unknown
}

const NO_ERRORS: readonly ExtendedError[] = Object.freeze([])
const NOT_PLAIN = MARK.OPT_INSIDE | MARK.SIGNED | MARK.ODD_TTL | MARK.ODD_POINTER
/** Up to here a loop is faster than Buffer.copy, octets. */
const SMALL = 96

/**
 * One DNS message, as a view of its octets (RFC 1035, section 4).
 *
 * Header fields are read in place; all else is walked once, by {@link guard}, before anything is read from it, and
 * decoded only for who asks. `wire` is shared and must not be written to: what goes out is a copy.
 */
export class Message extends MessageView {
  #extras: Extras | null = null

  /**
   * A message from octets that are copied and checked whole.
   *
   * @throws {MalformedMessageError} they are not one well-formed message
   */
  static from(octets: Uint8Array): Message {
    const message = new Message(Buffer.from(octets))
    message.guard()
    return message
  }

  /**
   * A query.
   *
   * @throws {MalformedMessageError} the name can't be encoded
   * @throws {InvalidOptionError} an unknown type or class
   */
  static query(name: string, type: string | number = TYPE.A, options: QueryOptions = {}): Message {
    return new Message(buildQuery(name, type, options))
  }

  /**
   * A reply to `query`: its ID, opcode, RD, CD and question, and the records that are given.
   *
   * @throws {MalformedMessageError} a record can't be encoded, or they don't fit in one message
   * @throws {InvalidOptionError} an unknown RCODE, type or class
   */
  static reply(query: Query | Message, options: ReplyOptions = {}): Message {
    const asked = query instanceof Message ? query : query.message
    const reply = new Message(buildReply(asked.wire, asked.questionEnd, asked.hasOpt, options))
    reply.guard()
    return reply
  }

  /**
   * Takes `wire` over if it is well formed, without what follows its last record; null if it isn't.
   * `questionEnd`: where the question ends when that is known to be well formed.
   *
   * @internal
   */
  static read(wire: Buffer, questionEnd = 0): Message | null {
    if (wire.length < HEADER || walk(wire, questionEnd) !== '') return null
    const message = new Message(found.end === wire.length ? wire : wire.subarray(0, found.end))
    message.adopt()
    return message
  }

  /** The question; null without one. @throws {MalformedMessageError} the question is malformed */
  get question(): Question | null {
    const extras = (this.#extras ??= {})
    if (extras.question === undefined) {
      extras.question =
        this.questionEnd === HEADER
          ? null
          : { name: nameFromWire(this.wire, HEADER), type: typeName(this.qtype), class: className(this.qclass) }
    }
    return extras.question
  }

  /** Whether both ask the same, ASCII letters compared without case (RFC 4343, section 3). */
  sameQuestion(other: Message): boolean {
    const end = this.questionEnd
    return end === other.questionEnd && sameQuestion(this.wire, other.wire, end)
  }

  /** The answer section. @throws {MalformedMessageError} the message or a record is malformed */
  get answers(): readonly ResourceRecord[] {
    this.guard()
    return ((this.#extras ??= {}).answers ??= this.#records(this.questionEnd, this.answersEnd))
  }

  /**
   * What `read` makes of this message, which must be the same each time: kept until another is asked for, since replies from a
   * cache are given again and again.
   *
   * @throws what `read` throws
   * @internal
   */
  remembered<T>(read: (message: Message) => T): T {
    const extras = (this.#extras ??= {})
    if (extras.read !== read) {
      extras.result = read(this)
      extras.read = read
    }
    return extras.result as T
  }

  /** The authority section. @throws {MalformedMessageError} the message or a record is malformed */
  get authority(): readonly ResourceRecord[] {
    this.guard()
    return ((this.#extras ??= {}).authority ??= this.#records(this.answersEnd, this.authorityEnd))
  }

  /** The additional section without OPT. @throws {MalformedMessageError} the message or a record is malformed */
  get additional(): readonly ResourceRecord[] {
    this.guard()
    return ((this.#extras ??= {}).additional ??= this.#records(this.authorityEnd, this.end))
  }

  /** The OPT record; null without one. @throws {MalformedMessageError} the message is malformed */
  get edns(): Edns | null {
    if (!this.hasOpt) return null
    return ((this.#extras ??= {}).edns ??= readEdns(this.wire, this.opt))
  }

  /** Extended errors (RFC 8914). @throws {MalformedMessageError} the message is malformed */
  get ede(): readonly ExtendedError[] {
    if (!this.hasOption(EDNS_OPTION.EDE)) return NO_ERRORS
    return ((this.#extras ??= {}).ede ??= readEde(this.edns!.options))
  }

  /**
   * The network that this asks for or is about (RFC 7871); null where nothing well-formed says so.
   *
   * @throws {MalformedMessageError} the message is malformed
   * @internal
   */
  get subnet(): Subnet | null {
    if (!this.hasOption(EDNS_OPTION.CLIENT_SUBNET)) return null
    const extras = (this.#extras ??= {})
    if (extras.subnet === undefined) extras.subnet = readSubnet(this.edns!.options)
    return extras.subnet
  }

  /**
   * The octets that ask an upstream: our ID, RD, CD and AD as they are, the question as spelt, and our own OPT record
   * with the DO bit of the query and `subnet`. Nothing else of a client's OPT goes on: EDNS is hop by hop (RFC 6891,
   * section 6.2.6).
   * A signed query goes whole but for the ID (RFC 5625, section 4.5).
   *
   * @throws {MalformedMessageError} the message is malformed
   */
  forUpstream(id: number, options: UpstreamOptions, subnet: Subnet | null = null): Buffer {
    if (this.marks === 0) this.guard()
    const signed = (this.marks & MARK.SIGNED) !== 0
    const end = signed ? this.end : this.questionEnd
    const hasOpt = options.edns && !signed
    const { wire } = this
    let size = hasOpt ? end + OPT_LENGTH : end
    if (hasOpt) size += queryOptionsLength(size, options, subnet)
    const at = options.framed === true ? 2 : 0
    const out = Buffer.allocUnsafe(at + size)
    // Overwritten at once unless the message begins behind it.
    out[0] = size >> 8
    out[1] = size
    copyOctets(wire, out, at, end)
    out[at] = id >> 8
    out[at + 1] = id
    if (signed) return out
    out[at + 2] = wire[2]! & 0x79
    out[at + 3] = wire[3]! & 0x30
    out[at + 6] = out[at + 7] = out[at + 8] = out[at + 9] = out[at + 10] = 0
    out[at + 11] = hasOpt ? 1 : 0
    if (hasOpt) writeBareOpt(out, at + end, options.udpPayloadSize, this.opt !== 0 ? wire[this.opt + 7]! & 0x80 : 0)
    if (size > end + OPT_LENGTH) writeQueryOptions(out, at + end + OPT_LENGTH, options, subnet)
    return out
  }

  /**
   * The octets that answer `query`, which must ask what this replies to: its ID, RD and spelling of QNAME; TTLs lowered
   * by `age` seconds; the upstream's OPT record replaced by ours, or dropped; at most `maxSize` octets.
   *
   * An RCODE over 15 without OPT becomes SERVFAIL. Too large a reply loses extended errors and options, then RRsets of
   * the additional section, then all records, with TC=1. A reply with TC=1 goes without records; a signed one untouched
   * but for its ID.
   *
   * @throws {MalformedMessageError} this message, or the question of `query`, is malformed
   */
  copyFor(query: Message, age: number, options: CopyOptions): Buffer {
    if (this.marks === 0) this.guard()
    const { wire } = this
    const { opt, maxSize } = options
    const queryEnd = query.questionEnd
    const end = this.opt === 0 ? this.end : this.opt
    let size = end
    let padding = 0
    if (opt !== null) {
      size += optLength(opt)
      if (opt.padTo !== 0) size += padding = paddingLength(size, opt.padTo, maxSize)
    }
    if (!this.#isPlain() || queryEnd !== this.questionEnd || size > maxSize) {
      return composeFor({ wire, layout: this.layout, rcode: this.rcode }, query.wire, queryEnd, age, options)
    }
    const out = Buffer.allocUnsafe(size)
    copyOctets(wire, out, 0, end)
    for (let i = HEADER; i < queryEnd; i++) out[i] = query.wire[i]!
    this.#stamp(out, query.wire, opt !== null)
    if (age > 0) lowerTtls(out, queryEnd, end, age)
    if (opt !== null) writeOpt(out, end, opt, this.opt === 0 ? 0 : wire[this.opt + 5]!, padding)
    return out
  }

  /**
   * This message, or a new one without the answer records that belong neither to QNAME nor to its chain of CNAME and
   * DNAME, for a reply must say nothing about names that nobody asked for.
   *
   * @throws {MalformedMessageError} the message is malformed
   */
  scrubbed(): Message {
    if (this.marks === 0) this.guard()
    if ((this.marks & (MARK.STRANGER | MARK.SIGNED)) !== MARK.STRANGER) return this
    const octets = scrub(this.wire, this.layout)
    if (octets === this.wire) {
      this.unmark(MARK.STRANGER)
      return this
    }
    const clean = octets === null ? Message.reply(this, { rcode: RCODE.SERVFAIL }) : new Message(octets)
    clean.guard()
    clean.unmark(MARK.STRANGER)
    return clean
  }

  /**
   * This message, or one like it that says of no network that it is about that; a signed one stays as it is.
   *
   * @throws {MalformedMessageError} the message is malformed @internal
   */
  withoutSubnet(): Message {
    if (!this.hasOption(EDNS_OPTION.CLIENT_SUBNET) || this.signed) return this
    const octets = Buffer.from(this.wire)
    blankSubnets(octets, this.opt)
    return new Message(octets)
  }

  /**
   * This query, or one like it with DO set; a signed one stays as it is.
   *
   * @throws {MalformedMessageError} the message is malformed @internal
   */
  askingDnssec(): Message {
    if (this.dnssecOk || this.signed) return this
    return new Message(askDnssec(this.wire, this.layout))
  }

  /**
   * This reply, or one like it, for a query without DO: RRSIG, NSEC and NSEC3 records only where they were asked for, and
   * AD only where the query has it. A signed one stays as it is.
   *
   * @throws {MalformedMessageError} this message, or `query`, is malformed @internal
   */
  withoutDnssec(query: Message): Message {
    if (this.signed) return this
    const octets = dropDnssec(this.wire, this.layout, query.qtype, query.authenticData)
    if (octets === this.wire) return this
    const rest = octets === null ? Message.reply(query, { rcode: RCODE.SERVFAIL }) : new Message(octets)
    rest.guard()
    return rest
  }

  /** Whether one copy is enough to send this reply on. */
  #isPlain(): boolean {
    if ((this.marks & MARK.ODD_TTL) !== 0 && !hasOddTtls(this.wire, this.layout)) this.unmark(MARK.ODD_TTL)
    return (this.marks & NOT_PLAIN) === 0 && (this.wire[2]! & 2) === 0
  }

  #records(start: number, end: number): readonly ResourceRecord[] {
    return readRecords(this.wire, this.layout, start, end)
  }

  /** ID and RD of the query; without OPT an RCODE over 15 is SERVFAIL; ARCOUNT without their OPT, with ours. */
  #stamp(out: Buffer, query: Buffer, hasOpt: boolean): void {
    out[0] = query[0]!
    out[1] = query[1]!
    out[2] = (out[2]! & 0xfe) | (query[2]! & 1)
    if (this.opt !== 0) {
      if (!hasOpt && this.wire[this.opt + 5] !== 0) out[3] = (out[3]! & 0xf0) | RCODE.SERVFAIL
      if (hasOpt) return
    } else if (!hasOpt) return
    const additional = ((out[10]! << 8) | out[11]!) + (hasOpt ? 1 : -1)
    out[10] = additional >> 8
    out[11] = additional
  }
}

/** Copies the octets of `from` up to `end` to `at` in `to`. */
function copyOctets(from: Buffer, to: Buffer, at: number, end: number): void {
  if (end > SMALL) from.copy(to, at, 0, end)
  else for (let i = 0; i < end; i++) to[at + i] = from[i]!
}

export type { CopyOptions } from './compose.js'
export type { QueryOptions, ReplyOptions } from './build.js'
