import { TYPE } from './constants.js'
import { expandName } from './name.js'
import { pastName, readTtl, type Layout } from './walk.js'

/** Lowers the TTL of each record between `start` and `end` of a walked message by `age` seconds, never below 0. OPT has none. */
export function lowerTtls(wire: Buffer, start: number, end: number, age: number): void {
  for (let at = start; at < end;) {
    at = pastName(wire, at)
    if (wire[at + 1] !== TYPE.OPT || wire[at] !== 0) {
      const ttl = readTtl(wire, at + 4)
      writeTtl(wire, at + 4, ttl > age ? ttl - age : 0)
    }
    at += 10 + ((wire[at + 8]! << 8) | wire[at + 9]!)
  }
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
  const lowest = new Map<string, number>()
  forEachTtl(wire, start, end, (key, at) => {
    lowest.set(key, Math.min(readTtl(wire, at), lowest.get(key) ?? Infinity))
  })
  forEachTtl(wire, start, end, (key, at) => writeTtl(wire, at, lowest.get(key)!))
}

function forEachTtl(wire: Buffer, start: number, end: number, visit: (key: string, at: number) => void): void {
  for (let at = start; at < end;) {
    const past = pastName(wire, at)
    const type = (wire[past]! << 8) | wire[past + 1]!
    if (type === TYPE.RRSIG) visit(String(at), past + 4)
    else if (type !== TYPE.OPT) visit(rrsetKey(wire, at, past), past + 4)
    at = past + 10 + ((wire[past + 8]! << 8) | wire[past + 9]!)
  }
}

/** Owner, type and class of the record at `at` as one string; ASCII letters of the owner in lower case. */
export function rrsetKey(wire: Buffer, at: number, past: number): string {
  const owner = expandName(wire, at)
  for (let i = 0; i < owner.length; i++) {
    const octet = owner[i]!
    if (octet >= 0x41 && octet <= 0x5a) owner[i] = octet | 0x20
  }
  return owner.toString('latin1') + wire.toString('latin1', past, past + 4)
}

function writeTtl(wire: Buffer, at: number, ttl: number): void {
  wire[at] = ttl >>> 24
  wire[at + 1] = ttl >>> 16
  wire[at + 2] = ttl >>> 8
  wire[at + 3] = ttl
}
