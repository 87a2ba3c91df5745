import { RCODE, TYPE } from './constants.js'
import { NameKeys, sameName } from './name.js'
import { pastName, readTtl, recordEnd } from './skim.js'
import { endOfQuestion, type Layout } from './walk.js'

/** Lowers the TTL of each record between `start` and `end` of a walked message by `age` seconds, never below 0. OPT has none. */
export function lowerTtls(wire: Buffer, start: number, end: number, age: number): void {
  for (let at = start; at < end;) {
    at = pastName(wire, at)
    if (!isOpt(wire, at)) {
      const ttl = readTtl(wire, at + 4)
      writeTtl(wire, at + 4, ttl > age ? ttl - age : 0)
    }
    at += 10 + ((wire[at + 8]! << 8) | wire[at + 9]!)
  }
}

/**
 * How long a well-formed reply may be kept by HTTP, seconds: the lowest TTL in its answer section, and no more than the
 * TTL and MINIMUM of an SOA record in its authority section (RFC 8484, section 5.1; RFC 2308, section 5). 0 for an error
 * and where neither is there.
 */
export function freshness(wire: Buffer): number {
  const rcode = wire[3]! & 15
  if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return 0
  let lowest = Infinity
  let at = endOfQuestion(wire)
  for (let left = (wire[6]! << 8) | wire[7]!; left > 0; left--) {
    lowest = Math.min(lowest, readTtl(wire, pastName(wire, at) + 4))
    at = recordEnd(wire, at)
  }
  for (let left = (wire[8]! << 8) | wire[9]!; left > 0; left--) {
    const past = pastName(wire, at)
    at = recordEnd(wire, at)
    if (wire[past] !== 0 || wire[past + 1] !== TYPE.SOA) continue
    lowest = Math.min(lowest, readTtl(wire, past + 4), wire.readUInt32BE(at - 4))
  }
  return lowest === Infinity ? 0 : lowest
}

const MAX_PAIRS = 32

/** Whether {@link settleTtls} would change anything; true without looking where a section is long. */
export function hasOddTtls(wire: Buffer, layout: Layout): boolean {
  return (
    isOddSection(wire, layout.questionEnd, layout.answersEnd) ||
    isOddSection(wire, layout.answersEnd, layout.authorityEnd) ||
    isOddSection(wire, layout.authorityEnd, layout.end)
  )
}

function isOddSection(wire: Buffer, start: number, end: number): boolean {
  let count = 0
  for (let at = start; at < end; at = recordEnd(wire, at)) {
    const past = pastName(wire, at)
    if (wire[past + 4]! > 0x7f && !isOpt(wire, past)) return true
    if (++count > MAX_PAIRS) return true
    for (let other = start; other < at; other = recordEnd(wire, other)) {
      if (differInTtlOnly(wire, at, past, other)) return true
    }
  }
  return false
}

function differInTtlOnly(wire: Buffer, a: number, pastA: number, b: number): boolean {
  const pastB = pastName(wire, b)
  const type = wire.readUInt16BE(pastA)
  if (type === TYPE.RRSIG || type === TYPE.OPT || wire.readUInt32BE(pastA) !== wire.readUInt32BE(pastB)) return false
  return readTtl(wire, pastA + 4) !== readTtl(wire, pastB + 4) && sameName(wire, a, wire, b)
}

function isOpt(wire: Buffer, past: number): boolean {
  return wire[past] === 0 && wire[past + 1] === TYPE.OPT
}

/**
 * Makes the TTLs of a walked message what they count as: no high bit (RFC 2181, section 8), and one TTL, the lowest, in
 * each RRset (section 5.2). RRSIG records make no RRset (RFC 4034, section 3).
 */
export function settleTtls(wire: Buffer, layout: Layout): void {
  settleSection(wire, layout.questionEnd, layout.answersEnd)
  settleSection(wire, layout.answersEnd, layout.authorityEnd)
  settleSection(wire, layout.authorityEnd, layout.end)
}

function settleSection(wire: Buffer, start: number, end: number): void {
  const names = new NameKeys(wire)
  const lowest = new Map<string, number>()
  forEachTtl(wire, names, start, end, (key, at) => {
    lowest.set(key, Math.min(readTtl(wire, at), lowest.get(key) ?? Infinity))
  })
  forEachTtl(wire, names, start, end, (key, at) => writeTtl(wire, at, lowest.get(key)!))
}

function forEachTtl(
  wire: Buffer,
  names: NameKeys,
  start: number,
  end: number,
  visit: (key: string, at: number) => void,
): void {
  for (let at = start; at < end;) {
    const past = pastName(wire, at)
    const type = (wire[past]! << 8) | wire[past + 1]!
    if (type === TYPE.RRSIG) visit(String(at), past + 4)
    else if (type !== TYPE.OPT) visit(names.of(at) + wire.toString('latin1', past, past + 4), past + 4)
    at = past + 10 + ((wire[past + 8]! << 8) | wire[past + 9]!)
  }
}

function writeTtl(wire: Buffer, at: number, ttl: number): void {
  wire[at] = ttl >>> 24
  wire[at + 1] = ttl >>> 16
  wire[at + 2] = ttl >>> 8
  wire[at + 3] = ttl
}
