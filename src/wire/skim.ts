/** Steps through messages that have been walked: nothing is checked again. */

/** The highest TTL that one with its high bit set counts as, seconds (RFC 8767, section 4). */
const MAX_TTL = 604_800

/** The offset just past the name at `at` in a message that has been walked; pointers are not followed. */
export function pastName(wire: Buffer, at: number): number {
  let pos = at
  for (;;) {
    const length = wire[pos]!
    if (length === 0) return pos + 1
    if (length >= 0xc0) return pos + 2
    pos += length + 1
  }
}

/** The offset just past the record at `at` in a message that has been walked. */
export function recordEnd(wire: Buffer, at: number): number {
  const past = pastName(wire, at)
  return past + 10 + ((wire[past + 8]! << 8) | wire[past + 9]!)
}

/** A TTL as it counts: with its high bit set it is positive and at most a week (RFC 2181, section 8; RFC 8767, section 4). */
export function readTtl(wire: Buffer, at: number): number {
  if (wire[at]! > 0x7f) return MAX_TTL
  return (wire[at]! << 24) | (wire[at + 1]! << 16) | (wire[at + 2]! << 8) | wire[at + 3]!
}
