import { Buffer } from 'node:buffer'
import { RCODE } from './constants.js'
import { optLength, paddingLength, writeOpt, type OptOut } from './edns.js'
import { sameName } from './name.js'
import { rewrite } from './rewrite.js'
import { lowerTtls, settleTtls } from './ttl.js'
import { pastName, recordEnd } from './skim.js'
import { HEADER, MARK, found, walk, type Layout } from './walk.js'

/** How a reply goes out to a client. */
export interface CopyOptions {
  /** Our OPT record, or null when the client sent none (RFC 6891, section 6.1.1). */
  readonly opt: OptOut | null
  /** Largest message that the client takes, octets. */
  readonly maxSize: number
}

/** A walked reply, with what its header and OPT record say the RCODE is. */
export interface Source {
  readonly wire: Buffer
  readonly layout: Layout
  readonly rcode: number
}

const MAX_EXTRAS = 64

/**
 * What {@link Message.copyFor} does where one copy isn't enough: TC, an OPT record in the middle, another question, a
 * signature, odd TTLs, too little room.
 *
 * Too large a reply loses, in this order: texts of extended errors, these themselves, other options (RFC 8914, section
 * 3), RRsets of the additional section, and then all records, with TC=1 (RFC 2181, section 9).
 */
export function composeFor(source: Source, query: Buffer, queryEnd: number, age: number, options: CopyOptions): Buffer {
  const { wire, layout } = source
  if ((wire[2]! & 2) !== 0) return truncated(source, query, queryEnd, options)
  if ((layout.marks & MARK.SIGNED) !== 0) return signed(source, query, queryEnd, options)
  const plain = withoutOpt(source, query, queryEnd)
  if (plain === null) return truncated(source, query, queryEnd, options)
  const full = plain.layout.opt === 0 ? plain.layout.end : plain.layout.opt
  const opt = fitOpt(options.opt, full, options.maxSize)
  const room = options.maxSize - (opt === null ? 0 : optLength(opt))
  const end = full <= room ? full : withoutExtras(plain, full, room)
  if (end > room) return truncated(source, query, queryEnd, options)
  return assemble({ source: plain, query, queryEnd, end, age, opt, maxSize: options.maxSize })
}

/** Header and question of `query`, with the flags and RCODE of the reply, TC=1 and our OPT record. */
function truncated(source: Source, query: Buffer, queryEnd: number, options: CopyOptions): Buffer {
  const opt = fitOpt(options.opt, queryEnd, options.maxSize)
  const out = Buffer.alloc(queryEnd + (opt === null ? 0 : optLength(opt)))
  query.copy(out, HEADER, HEADER, queryEnd)
  stampHeader(out, source, query, opt !== null)
  out[2]! |= 2
  out[4] = query[4]!
  out[5] = query[5]!
  if (opt !== null) {
    out[11] = 1
    writeOpt(out, queryEnd, opt, source.rcode >> 4, 0)
  }
  return out
}

/** A signature covers everything but the ID, which TSIG keeps elsewhere (RFC 8945, section 4.2): nothing else may change. */
function signed(source: Source, query: Buffer, queryEnd: number, options: CopyOptions): Buffer {
  const { wire, layout } = source
  if (layout.end > options.maxSize) return truncated(source, query, queryEnd, options)
  const out = Buffer.from(wire.subarray(0, layout.end))
  out[0] = query[0]!
  out[1] = query[1]!
  return out
}

/** The reply with OPT last or gone and the question of `query`; null when that can't be written. */
function withoutOpt(source: Source, query: Buffer, queryEnd: number): Source | null {
  const { wire, layout, rcode } = source
  const foreign = queryEnd !== layout.questionEnd
  if (!foreign && (layout.marks & (MARK.OPT_INSIDE | MARK.ODD_POINTER)) === 0) return source
  const octets = rewrite(wire, layout, foreign ? query : null, (at) => at !== layout.opt)
  return octets === null || walk(octets, 0) !== '' ? null : { wire: octets, layout: { ...found }, rcode }
}

/** Where to end so that at most `room` octets are left, additional RRsets dropped whole from the last on; where the authority section ends if none may stay. */
function withoutExtras({ wire, layout }: Source, end: number, room: number): number {
  const starts: number[] = []
  for (let at = layout.authorityEnd; at < end; at = recordEnd(wire, at)) starts.push(at)
  if (starts.length > MAX_EXTRAS) return layout.authorityEnd
  for (let i = starts.length - 1; i > 0; i--) {
    if (starts[i]! <= room && !splitsRrset(wire, starts, i)) return starts[i]!
  }
  return layout.authorityEnd
}

/** Whether a record before the `cut`th has its owner, type and class in common with one from there on. */
function splitsRrset(wire: Buffer, starts: readonly number[], cut: number): boolean {
  return starts.slice(0, cut).some((kept) => starts.slice(cut).some((dropped) => sameRrset(wire, kept, dropped)))
}

function sameRrset(wire: Buffer, a: number, b: number): boolean {
  const pastA = pastName(wire, a)
  const pastB = pastName(wire, b)
  return wire.readUInt32BE(pastA) === wire.readUInt32BE(pastB) && sameName(wire, a, wire, b)
}

interface Assembly {
  readonly source: Source
  readonly query: Buffer
  readonly queryEnd: number
  readonly end: number
  readonly age: number
  readonly opt: OptOut | null
  readonly maxSize: number
}

function assemble({ source, query, queryEnd, end, age, opt, maxSize }: Assembly): Buffer {
  const { wire, layout } = source
  const length = opt === null ? 0 : optLength(opt)
  const padding = opt === null ? 0 : paddingLength(end + length, opt.padTo, maxSize)
  const out = Buffer.alloc(end + length + padding)
  wire.copy(out, 0, 0, end)
  query.copy(out, HEADER, HEADER, queryEnd)
  stampHeader(out, source, query, opt !== null)
  if ((layout.marks & MARK.ODD_TTL) !== 0) settleTtls(out, { ...layout, end })
  if (age > 0) lowerTtls(out, queryEnd, end, age)
  let additional = 0
  for (let at = layout.authorityEnd; at < end; at = recordEnd(wire, at)) additional++
  out.writeUInt16BE(additional + (opt === null ? 0 : 1), 10)
  if (opt !== null) writeOpt(out, end, opt, source.rcode >> 4, padding)
  return out
}

/** ID and RD of the query, all else of the reply; without OPT an RCODE over 15 is SERVFAIL. */
function stampHeader(out: Buffer, { wire, rcode }: Source, query: Buffer, hasOpt: boolean): void {
  out[0] = query[0]!
  out[1] = query[1]!
  out[2] = (wire[2]! & 0xfe) | (query[2]! & 1)
  out[3] = (wire[3]! & 0xf0) | (rcode > 15 && !hasOpt ? RCODE.SERVFAIL : rcode & 15)
}

function fitOpt(opt: OptOut | null, end: number, maxSize: number): OptOut | null {
  if (opt === null || end + optLength(opt) <= maxSize) return opt
  const untold = { ...opt, ede: opt.ede.map(({ code }) => ({ code, text: '' })) }
  if (end + optLength(untold) <= maxSize) return untold
  const silent = { ...opt, ede: [] }
  return end + optLength(silent) <= maxSize ? silent : { ...silent, options: [] }
}
