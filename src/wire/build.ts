import { Buffer } from 'node:buffer'
import { reject, suggest } from '../base/options.js'
import { InvalidOptionError, MalformedMessageError } from '../errors.js'
import { classNumber, CLASS, rcodeNumber, TYPE, typeNumber, type Rcode } from './constants.js'
import { optLength, paddingLength, writeOpt, type ExtendedError, type OptOut } from './edns.js'
import { encoded, encodeName, nameToWire, sameOctets } from './name.js'
import { writeRdata } from './rdata-write.js'
import type { ResourceRecordInput } from './record.js'
import { HEADER } from './walk.js'

/** What our OPT record says when nothing else is asked for (RFC 9715: 1232 octets). */
const PLAIN_OPT: OptOut = Object.freeze({
  udpPayloadSize: 1232,
  dnssecOk: false,
  ede: [],
  options: [],
  padTo: 0,
})

/** Options of {@link Message.query}. */
export interface QueryOptions {
  /** @default 'IN' */
  readonly class?: string | number
  /** Message ID; whoever sends it stamps its own. @default 0 */
  readonly id?: number
  /** RD. @default true */
  readonly recursionDesired?: boolean
  /** CD. @default false */
  readonly checkingDisabled?: boolean
  /** AD: the reply's AD bit is of interest (RFC 6840, section 5.7). @default false */
  readonly authenticData?: boolean
  /** DO, which needs EDNS. @default false */
  readonly dnssecOk?: boolean
  /** An OPT record, or what it says. @default false, or true with `dnssecOk` */
  readonly edns?: boolean | Partial<OptOut>
}

/** Options of {@link Message.reply}. */
export interface ReplyOptions {
  /** @default 'NOERROR' */
  readonly rcode?: Rcode | number
  readonly answers?: readonly ResourceRecordInput[]
  readonly authority?: readonly ResourceRecordInput[]
  readonly additional?: readonly ResourceRecordInput[]
  /** AA. @default false */
  readonly authoritative?: boolean
  /** RA. @default true */
  readonly recursionAvailable?: boolean
  /** AD. @default false */
  readonly authenticData?: boolean
  /** TC. @default false */
  readonly truncated?: boolean
  /** Extended errors; they need an OPT record, so without one in the query they are left out (RFC 8914, section 3). */
  readonly ede?: readonly { readonly code: number; readonly text?: string }[]
  /** An OPT record, or what it says. @default whether the query has one, or the RCODE needs one */
  readonly edns?: boolean | Partial<OptOut>
}

const MAX_MESSAGE = 65_535
const POINTER_TO_QNAME = Buffer.from([0xc0, HEADER])
const MAX_TARGET = 0x3fff
/** Suffixes that are looked up for compression in one message; beyond, names are written in full (A20). */
const MAX_PROBES = 4000

const QUERY_OPTIONS: readonly (keyof QueryOptions)[] = [
  'class',
  'id',
  'recursionDesired',
  'checkingDisabled',
  'authenticData',
  'dnssecOk',
  'edns',
]
const REPLY_OPTIONS: readonly (keyof ReplyOptions)[] = [
  'rcode',
  'answers',
  'authority',
  'additional',
  'authoritative',
  'recursionAvailable',
  'authenticData',
  'truncated',
  'ede',
  'edns',
]

/**
 * The octets of a query.
 *
 * @throws {MalformedMessageError} the name can't be encoded
 * @throws {InvalidOptionError} a name that is no text, an unknown type or class
 */
export function buildQuery(name: string, type: string | number, options: QueryOptions): Buffer {
  checkNames('Message.query', options, QUERY_OPTIONS)
  const { id = 0 } = options
  if (!isUint16(id)) reject('Message.query', 'id', id, 'a whole number from 0 to 65535')
  if (typeof name !== 'string') reject('Message.query', 'name', name, 'a domain name in presentation form')
  const opt = optOf(options.edns ?? options.dnssecOk === true, { dnssecOk: options.dnssecOk === true })
  const length = encodeName(name)
  const end = HEADER + length + 4
  const padding = opt === null ? 0 : paddingLength(end + optLength(opt), opt.padTo, MAX_MESSAGE)
  const size = end + (opt === null ? 0 : optLength(opt) + padding)
  if (size > MAX_MESSAGE) throw tooLong()
  // From the shared slab: a small Buffer.alloc has an ArrayBuffer of its own, which weighs more than the query.
  const out = Buffer.allocUnsafe(size)
  out.writeUInt16BE(id, 0)
  out[2] = options.recursionDesired === false ? 0 : 1
  out[3] = (options.authenticData === true ? 0x20 : 0) | (options.checkingDisabled === true ? 0x10 : 0)
  out[4] = 0
  out[5] = 1
  out[6] = out[7] = out[8] = out[9] = out[10] = 0
  out[11] = opt === null ? 0 : 1
  for (let i = 0; i < length; i++) out[HEADER + i] = encoded[i]!
  out.writeUInt16BE(typeNumber(type), end - 4)
  out.writeUInt16BE(classNumber(options.class ?? CLASS.IN), end - 2)
  if (opt !== null) writeOpt(out, end, opt, 0, padding)
  return out
}

/**
 * The octets of a reply to the query `wire`, whose question ends at `questionEnd`. `hasOpt`: it has an OPT record.
 *
 * @throws {MalformedMessageError} a record can't be encoded, or all of them don't fit in a message
 * @throws {InvalidOptionError} an unknown RCODE, type or class
 */
export function buildReply(wire: Buffer, questionEnd: number, hasOpt: boolean, options: ReplyOptions): Buffer {
  checkNames('Message.reply', options, REPLY_OPTIONS)
  const rcode = rcodeNumber(options.rcode ?? 'NOERROR')
  const ede: readonly ExtendedError[] = (options.ede ?? []).map(({ code, text = '' }) => ({ code, text }))
  const opt = optOf(options.edns ?? (hasOpt || rcode > 15), { ede })
  const writer = new ReplyWriter(wire, questionEnd)
  const { answers = [], authority = [], additional = [] } = options
  writer.section(6, answers)
  writer.section(8, authority)
  writer.section(10, additional)
  if (opt !== null) writer.opt(opt, rcode >> 4)
  return writer.finish(thirdOctet(wire, options), fourthOctet(wire, options) | (rcode & 15))
}

function thirdOctet(wire: Buffer, options: ReplyOptions): number {
  return 0x80 | (wire[2]! & 0x79) | (options.authoritative === true ? 4 : 0) | (options.truncated === true ? 2 : 0)
}

function fourthOctet(wire: Buffer, options: ReplyOptions): number {
  return (
    (wire[3]! & 0x10) | (options.recursionAvailable === false ? 0 : 0x80) | (options.authenticData === true ? 0x20 : 0)
  )
}

function optOf(given: boolean | Partial<OptOut>, base: Partial<OptOut>): OptOut | null {
  if (given === false) return null
  const opt = { ...PLAIN_OPT, ...base, ...(given === true ? {} : given) }
  if (!isUint16(opt.udpPayloadSize))
    reject('Message', 'edns.udpPayloadSize', opt.udpPayloadSize, 'a whole number from 0 to 65535')
  return opt
}

function checkNames(owner: string, options: object, known: readonly string[]): void {
  for (const name in options) {
    if (!known.includes(name)) throw new InvalidOptionError(owner, name, `is not known${suggest(name, known)}`)
  }
}

function isUint16(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffff
}

class ReplyWriter {
  #out = Buffer.alloc(512)
  #at: number
  readonly #qnameLength: number
  #probes = 0
  /** Where names already are, by their octets as spelt: a different spelling must not be lost to compression (RFC 4343, section 4). */
  readonly #names = new Map<string, number>()

  constructor(query: Buffer, questionEnd: number) {
    query.copy(this.#out, 0, 0, questionEnd)
    this.#out.fill(0, 6, HEADER)
    this.#at = questionEnd
    this.#qnameLength = questionEnd - HEADER - 4
    for (let at = HEADER; at < questionEnd - 4 && query[at] !== 0; at += query[at]! + 1) {
      this.#names.set(query.toString('latin1', at, questionEnd - 4), at)
    }
  }

  section(countAt: number, records: readonly ResourceRecordInput[]): void {
    for (const record of records) this.#record(record)
    this.#out.writeUInt16BE(records.length, countAt)
  }

  opt(opt: OptOut, extendedRcode: number): void {
    const length = optLength(opt)
    const padding = paddingLength(this.#at + length, opt.padTo, MAX_MESSAGE)
    this.#room(length + padding)
    this.#at = writeOpt(this.#out, this.#at, opt, extendedRcode, padding)
    this.#out.writeUInt16BE(this.#out.readUInt16BE(10) + 1, 10)
  }

  finish(third: number, fourth: number): Buffer {
    this.#out[2] = third
    this.#out[3] = fourth
    return this.#out.subarray(0, this.#at)
  }

  #record(record: ResourceRecordInput): void {
    const type = typeNumber(record.type)
    const ttl = record.ttl ?? 0
    if (!Number.isInteger(ttl) || ttl < 0 || ttl > 0x7fff_ffff)
      throw new MalformedMessageError('TTL must be a whole number from 0 to 2147483647')
    if (type === TYPE.OPT) throw new MalformedMessageError('OPT is given by the option edns, not as a record')
    this.#owner(nameToWire(record.name))
    this.#room(10)
    this.#at = this.#out.writeUInt16BE(type, this.#at)
    this.#at = this.#out.writeUInt16BE(classNumber(record.class ?? CLASS.IN), this.#at)
    this.#at = this.#out.writeUInt32BE(ttl, this.#at)
    const rdata = writeRdata(type, record.data)
    if (rdata.length > MAX_MESSAGE) throw tooLong()
    const lengthAt = this.#at
    this.#at += 2
    // Octets given as such are nobody's word for a name yet; the whole message is walked at the end.
    if (typeof record.data === 'string' && (type === TYPE.CNAME || type === TYPE.NS || type === TYPE.PTR))
      this.#name(rdata)
    else this.#octets(rdata)
    this.#out.writeUInt16BE(this.#at - lengthAt - 2, lengthAt)
  }

  /** The QNAME's own spelling wins, as clients expect: it is what they sent. */
  #owner(name: Buffer): void {
    const isQname = this.#qnameLength === name.length && sameOctets(name, 0, this.#out, HEADER, name.length)
    if (isQname && name.length > 1) this.#octets(POINTER_TO_QNAME)
    else this.#name(name)
  }

  #name(name: Buffer): void {
    for (let at = 0; name[at] !== 0; at += name[at]! + 1) {
      const suffix = this.#probes++ < MAX_PROBES ? name.toString('latin1', at) : ''
      const target = this.#names.get(suffix)
      if (target !== undefined) {
        this.#octets(name.subarray(0, at))
        this.#room(2)
        this.#at = this.#out.writeUInt16BE(0xc000 | target, this.#at)
        return
      }
      if (suffix !== '' && this.#at + at <= MAX_TARGET) this.#names.set(suffix, this.#at + at)
    }
    this.#octets(name)
  }

  #octets(octets: Buffer): void {
    this.#room(octets.length)
    octets.copy(this.#out, this.#at)
    this.#at += octets.length
  }

  #room(length: number): void {
    const needed = this.#at + length
    if (needed > MAX_MESSAGE) throw tooLong()
    if (needed <= this.#out.length) return
    const grown = Buffer.alloc(Math.min(MAX_MESSAGE, Math.max(needed, this.#out.length * 2)))
    this.#out.copy(grown, 0, 0, this.#at)
    this.#out = grown
  }
}

function tooLong(): MalformedMessageError {
  return new MalformedMessageError('message is longer than 65535 octets')
}
