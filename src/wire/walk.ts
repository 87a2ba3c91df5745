import { CLASS, TYPE } from './constants.js'
import { readTtl } from './skim.js'
import { NAPTR_FIXED, shapeOf, type Shape } from './shapes.js'

/** Length of the header, octets (RFC 1035, section 4.1.1). */
export const HEADER = 12
/** Where a message may differ from the plain case, found while walking it. */
export const MARK = Object.freeze({
  /** The message has been walked and is well formed. */
  WALKED: 1,
  /** An answer record whose owner isn't plainly the QNAME or the target of the CNAME before it. */
  STRANGER: 2,
  /** A TTL with its high bit set, or records of one type with different TTLs: whether of one RRset is for `hasOddTtls` to say. */
  ODD_TTL: 4,
  /** The OPT record isn't the last record. */
  OPT_INSIDE: 8,
  /** The last additional record is TSIG or SIG(0). */
  SIGNED: 16,
  /** The authority section holds an SOA record. */
  SOA: 32,
  /** The additional section holds records other than OPT, TSIG and SIG(0). */
  EXTRA: 64,
  /** A compression pointer leads to octets that are no part of a name that is known as one: they may be such that a copy changes, as TTLs are. */
  ODD_POINTER: 128,
} as const)

/** Where the parts of a walked message are, offsets in octets. */
export interface Layout {
  questionEnd: number
  answersEnd: number
  authorityEnd: number
  /** Just past the last record; octets beyond are no part of the message. */
  end: number
  /** Where the OPT record is; 0 when there is none. */
  opt: number
  /** Of {@link MARK}. */
  marks: number
  /** Lowest TTL of any record but OPT, TSIG and SIG(0), seconds; 0 when there is none. */
  minTtl: number
}

/** What the last successful {@link walk} found; overwritten by the next. */
export const found: Layout = { questionEnd: 0, answersEnd: 0, authorityEnd: 0, end: 0, opt: 0, marks: 0, minTtl: 0 }

const ANSWER = 0
const AUTHORITY = 1
const ADDITIONAL = 2
const MAX_NAME = 255
const MAX_HOPS = 127
/**
 * Labels and pointers that are followed in one message beyond those of names already known. The fullest honest
 * message needs about a third; without a limit, thousands of records that point at a long name cost quadratically.
 */
const BUDGET = 131_072
/** By offset, as far as a pointer reaches: the walk that last saw a label or pointer of a name start there. */
const starts = new Uint32Array(0x4000)

// One message is walked at a time and nothing here outlives the call: module variables save an object per packet.
let fault = ''
let generation = 0
let budget = 0
let knownName = -1
let knownLength = 0
let chain = 0
let lastType = 0
let lastTtl = 0
let typesSeen = 0
let ttlsDiffer = false

/**
 * Walks a whole message of at least 12 octets: counts against what there is room for, lengths, owner names, names in
 * known RDATA, the place and options of OPT, the place of TSIG. Nothing is allocated.
 *
 * `questionEnd`: where the question ends when it is known to be well formed, else 0. What it found is in {@link found};
 * octets after the last record are allowed, as BIND and unbound do, and lie beyond `found.end`.
 *
 * Returns what is wrong with the message, or the empty string.
 */
export function walk(wire: Buffer, questionEnd: number): string {
  const answers = (wire[6]! << 8) | wire[7]!
  const authority = (wire[8]! << 8) | wire[9]!
  const additional = (wire[10]! << 8) | wire[11]!
  const start = questionEnd === 0 ? endOfQuestion(wire) : questionEnd
  if (start < 0) return fault
  if ((answers + authority + additional) * 11 > wire.length - start) return 'counts more records than there is room for'
  begin(start)
  let at = section(wire, start, answers, ANSWER)
  found.answersEnd = at
  if (at > 0) at = section(wire, at, authority, AUTHORITY)
  found.authorityEnd = at
  if (at > 0) at = section(wire, at, additional, ADDITIONAL)
  if (at < 0) return fault
  // Names must not run on into octets that are no part of the message: walked again without them.
  if (at < wire.length) return walk(wire.subarray(0, at), start)
  found.end = at
  found.marks |= MARK.WALKED
  if (found.minTtl < 0) found.minTtl = 0
  return ''
}

/** Where the question section ends: 12 when it is empty; -1 when it is malformed or holds more than one question. */
export function endOfQuestion(wire: Buffer): number {
  const questions = (wire[4]! << 8) | wire[5]!
  if (questions === 0) return HEADER
  if (questions > 1) return fail('has more than one question')
  let at = HEADER
  for (;;) {
    if (at >= wire.length) return fail('question runs past the end')
    const length = wire[at]!
    if (length === 0) break
    if (length > 63) return fail('QNAME has a label that is no label')
    at += length + 1
    if (at - HEADER >= MAX_NAME) return fail('QNAME is longer than 255 octets')
  }
  return at + 5 > wire.length ? fail('question runs past the end') : at + 5
}

/** What made the last {@link endOfQuestion} return -1. */
export function lastFault(): string {
  return fault
}

function begin(start: number): void {
  budget = BUDGET
  if (++generation === 0xffff_ffff) {
    starts.fill(0)
    generation = 1
  }
  knownName = start > HEADER ? HEADER : -1
  knownLength = start - HEADER - 4
  chain = HEADER
  found.questionEnd = start
  found.opt = 0
  found.marks = 0
  found.minTtl = -1
}

function section(wire: Buffer, start: number, count: number, which: number): number {
  lastType = -1
  typesSeen = 0
  ttlsDiffer = false
  let at = start
  for (let left = count; left > 0; left--) {
    at = record(wire, at, which, left === 1)
    if (at < 0) return -1
  }
  return at
}

function record(wire: Buffer, start: number, which: number, last: boolean): number {
  const at = nameEnd(wire, start)
  if (at < 0) return -1
  if (at + 10 > wire.length) return fail('record runs past the end')
  const type = (wire[at]! << 8) | wire[at + 1]!
  const end = at + 10 + ((wire[at + 8]! << 8) | wire[at + 9]!)
  if (end > wire.length) return fail('RDATA runs past the end')
  if (type === TYPE.OPT)
    return which === ADDITIONAL ? opt(wire, start, end, last) : fail('OPT outside the additional section')
  if (which === ANSWER) follow(wire, start, at, type)
  else if (which === AUTHORITY) found.marks |= type === TYPE.SOA ? MARK.SOA : 0
  else if (isSignature(wire, type, at + 10, end)) return signature(end, last)
  else found.marks |= MARK.EXTRA
  noteTtl(wire, at + 4, type)
  return rdata(wire, type, at + 10, end) ? end : fail('RDATA is not what its type says')
}

/** TSIG (RFC 8945), or SIG(0): a SIG record that covers no type (RFC 2931, section 3). */
function isSignature(wire: Buffer, type: number, data: number, end: number): boolean {
  return type === TYPE.TSIG || (type === TYPE.SIG && end - data >= 2 && (wire[data]! | wire[data + 1]!) === 0)
}

function signature(end: number, last: boolean): number {
  if (!last) return fail('TSIG or SIG(0) is not the last record')
  found.marks |= MARK.SIGNED
  return end
}

/** Follows the CNAME chain as long as each owner is a pointer to the next name of it; what isn't so is looked at later, if ever. */
function follow(wire: Buffer, start: number, at: number, type: number): void {
  if (wire[start]! < 0xc0 || (((wire[start]! & 0x3f) << 8) | wire[start + 1]!) !== chain) found.marks |= MARK.STRANGER
  else if (type === TYPE.CNAME) chain = at + 10
}

function noteTtl(wire: Buffer, at: number, type: number): void {
  const ttl = readTtl(wire, at)
  if (wire[at]! > 0x7f) found.marks |= MARK.ODD_TTL
  if (ttl < found.minTtl || found.minTtl < 0) found.minTtl = ttl
  // Neither makes RRsets of several records: RRSIG by RFC 4034, section 3, CNAME by being alone.
  if (type === TYPE.RRSIG || type === TYPE.CNAME) return
  const bit = 1 << (type & 31)
  const changed = ttl !== lastTtl && lastType >= 0
  if (type === lastType ? changed : (changed || ttlsDiffer) && (typesSeen & bit) !== 0) found.marks |= MARK.ODD_TTL
  ttlsDiffer ||= changed
  typesSeen |= bit
  lastType = type
  lastTtl = ttl
}

function opt(wire: Buffer, start: number, end: number, last: boolean): number {
  if (wire[start] !== 0) return fail('OPT is not owned by the root')
  if (found.opt !== 0) return fail('more than one OPT')
  found.opt = start
  if (!last) found.marks |= MARK.OPT_INSIDE
  for (let at = start + 11; at < end;) {
    if (at + 4 > end) return fail('EDNS option runs past OPT')
    at += 4 + ((wire[at + 2]! << 8) | wire[at + 3]!)
    if (at > end) return fail('EDNS option runs past OPT')
  }
  return end
}

/** Whether the RDATA of a type that is known to hold addresses, names or strings is made of exactly these. Others pass as they are (RFC 3597). */
function rdata(wire: Buffer, type: number, at: number, end: number): boolean {
  switch (type) {
    case TYPE.A:
      return end - at === 4 || !isInternet(wire, at)
    case TYPE.AAAA:
      return end - at === 16
    case TYPE.TXT:
    case TYPE.SPF:
      return at < end && strings(wire, at, end, 0) === end
    case TYPE.HINFO:
      return strings(wire, at, end, 2) === end
    default: {
      const shape = shapeOf(type)
      return shape === null || names(wire, shape, at, end)
    }
  }
}

function isInternet(wire: Buffer, data: number): boolean {
  return wire[data - 8] === 0 && wire[data - 7] === CLASS.IN
}

function names(wire: Buffer, shape: Shape, start: number, end: number): boolean {
  let at = shape.before < 0 ? strings(wire, start + NAPTR_FIXED, end, 3) : start + shape.before
  for (let left = shape.names; left > 0; left--) {
    if (at < 0 || at >= end) return false
    at = nameEnd(wire, at)
  }
  return at > 0 && (shape.after < 0 ? at <= end : at + shape.after === end)
}

/** The offset past `count` character strings (0: as many as there are); -1 when they don't fit. */
function strings(wire: Buffer, start: number, end: number, count: number): number {
  let at = start
  for (let left = count === 0 ? -1 : count; left !== 0 && (left > 0 || at < end); left--) {
    if (at >= end) return -1
    at += wire[at]! + 1
  }
  return at > end ? -1 : at
}

function nameEnd(wire: Buffer, start: number): number {
  let at = start
  for (;;) {
    if (at >= wire.length) return fail('name runs past the end')
    const length = wire[at]!
    if (at < 0x4000) starts[at] = generation
    if (length === 0) return at + 1
    if (length >= 0xc0) {
      if (at + 1 >= wire.length) return fail('name runs past the end')
      const target = ((length & 0x3f) << 8) | wire[at + 1]!
      if (target === knownName && target < start) {
        if (at - start + knownLength > MAX_NAME) return fail('name is longer than 255 octets')
        return at + 2
      }
      return followPointer(wire, target, start, at - start) ? at + 2 : -1
    }
    if (length > 63) return fail('name uses a reserved label type')
    at += length + 1
    if (at - start >= MAX_NAME) return fail('name is longer than 255 octets')
  }
}

/** Whether a label of the QNAME or of a name that was walked before starts at `target`. */
function isStart(wire: Buffer, target: number): boolean {
  if (target >= found.questionEnd) return starts[target] === generation
  let at = HEADER
  while (at < target && wire[at] !== 0) at += wire[at]! + 1
  return at === target
}

/** Checks what a pointer leads to, and remembers it: the next records mostly point there too. */
function followPointer(wire: Buffer, target: number, start: number, before: number): boolean {
  let from = start
  let at = target
  let hops = 0
  let size = 0
  for (let jump = true; ; budget--) {
    if (budget < 0) return bad('compression is too deep')
    if (jump) {
      if (at >= from || at < HEADER) return bad('compression pointer does not lead backwards')
      if (hops++ >= MAX_HOPS) return bad('more than 127 compression pointers in a name')
      from = at
    }
    if (at >= wire.length) return bad('name runs past the end')
    const length = wire[at]!
    if (length === 0) break
    jump = length >= 0xc0
    if (jump) {
      if (at + 1 >= wire.length) return bad('name runs past the end')
      at = ((length & 0x3f) << 8) | wire[at + 1]!
      continue
    }
    if (length > 63) return bad('name uses a reserved label type')
    size += length + 1
    at += length + 1
    if (before + size >= MAX_NAME) return bad('name is longer than 255 octets')
  }
  if (!isStart(wire, target)) found.marks |= MARK.ODD_POINTER
  knownName = target
  knownLength = size + 1
  return true
}

function fail(what: string): -1 {
  fault = what
  return -1
}

function bad(what: string): false {
  fault = what
  return false
}
