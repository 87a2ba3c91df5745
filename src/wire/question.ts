import { Buffer } from 'node:buffer'
import { sameOctets } from './name.js'
import { HEADER } from './walk.js'

const lowered = Buffer.alloc(260)

/** The question of `wire`, which ends at `end`, as latin1: QNAME with ASCII letters in lower case, QTYPE, QCLASS. */
export function questionKey(wire: Buffer, end: number): string {
  for (let i = HEADER; i < end - 4; i++) {
    const octet = wire[i]!
    if (octet >= 0x41 && octet <= 0x5a) return loweredKey(wire, end)
  }
  return wire.toString('latin1', HEADER, end)
}

/** Whether two questions that end at `end` are the same, the letters of QNAME compared without case (RFC 4343, section 3). */
export function sameQuestion(a: Buffer, b: Buffer, end: number): boolean {
  if (end > b.length) return false
  if (end === HEADER) return true
  // Length octets are below 0x40, so folding case never takes one for a letter.
  if (!sameOctets(a, HEADER, b, HEADER, end - HEADER - 4)) return false
  for (let i = end - 4; i < end; i++) if (a[i] !== b[i]) return false
  return true
}

function loweredKey(wire: Buffer, end: number): string {
  wire.copy(lowered, 0, HEADER, end)
  const nameEnd = end - HEADER - 4
  for (let i = 0; i < nameEnd; i++) {
    const octet = lowered[i]!
    if (octet >= 0x41 && octet <= 0x5a) lowered[i] = octet | 0x20
  }
  return lowered.toString('latin1', 0, end - HEADER)
}
