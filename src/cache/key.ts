import { HEADER } from '../wire/walk.js'
import type { Message } from '../wire/message.js'

/** What a reply depends on beside its question, as bits. */
export const FLAG = Object.freeze({
  /** DO: DNSSEC records come along (RFC 3225). */
  DNSSEC_OK: 1,
  /** CD: nothing was validated (RFC 4035, section 3.2.2). */
  CHECKING_DISABLED: 2,
  /** AD without DO: the reply's AD bit means something (RFC 6840, section 5.7). */
  AUTHENTIC_DATA: 4,
  /** RD=0: the upstream told what it had at hand, which is no answer for anybody else. */
  NOT_RECURSIVE: 8,
  /** A client's subnet, which the message of an entry has too (RFC 7871). */
  SUBNET: 16,
} as const)

/** The {@link FLAG} bits of a query but for SUBNET, on which its octets alone don't decide. @throws {MalformedMessageError} it is malformed */
export function flagsOf(query: Message): number {
  const third = query.wire[2]!
  const fourth = query.wire[3]!
  const dnssec = query.dnssecOk ? FLAG.DNSSEC_OK : (fourth & 0x20) >> 3
  return dnssec | ((fourth & 0x10) >> 3) | ((third & 1) === 0 ? FLAG.NOT_RECURSIVE : 0)
}

/**
 * A hash of the question of `wire`, which ends at `end`: the octets of QNAME with ASCII letters in lower case (RFC 4343,
 * section 3), QTYPE and QCLASS. A signed 32-bit number, which V8 keeps off the heap; without `seed` nobody can find names
 * that share one.
 */
export function hashQuestion(wire: Buffer, end: number, seed: number): number {
  let hash = seed
  const nameEnd = end - 4
  for (let i = HEADER; i < nameEnd; i++) {
    const octet = wire[i]!
    // Length octets are below 0x40, so folding case never takes one for a letter.
    hash = Math.imul(hash ^ (octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet), 0x0100_0193)
    hash ^= hash >>> 15
  }
  for (let i = nameEnd; i < end; i++) hash = Math.imul(hash ^ wire[i]!, 0x0100_0193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35)
  return hash ^ (hash >>> 16)
}
