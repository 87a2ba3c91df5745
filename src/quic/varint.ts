import type { Buffer } from 'node:buffer'

/** Octets that the integer takes whose first octet is `first` (RFC 9000, section 16). */
export function varintLength(first: number): number {
  return 1 << (first >> 6)
}

/** The integer at `at`, all of which must be there (RFC 9000, section 16). Those over 2^53 lose their low bits. */
export function readVarint(octets: Buffer, at: number): number {
  const first = octets[at]!
  switch (first >> 6) {
    case 0:
      return first
    case 1:
      return octets.readUInt16BE(at) & 0x3fff
    case 2:
      return octets.readUInt32BE(at) & 0x3fff_ffff
    default:
      return (octets.readUInt32BE(at) & 0x3fff_ffff) * 0x1_0000_0000 + octets.readUInt32BE(at + 4)
  }
}

/** Octets that {@link writeVarint} writes for `value`, which is below 2^30. */
export function varintSize(value: number): number {
  return value < 0x40 ? 1 : value < 0x4000 ? 2 : 4
}

/** Writes `value`, which is below 2^30, at `at`. @returns where it ends */
export function writeVarint(octets: Buffer, at: number, value: number): number {
  if (value < 0x40) return octets.writeUInt8(value, at)
  if (value < 0x4000) return octets.writeUInt16BE(value | 0x4000, at)
  return octets.writeUInt32BE((value | 0x8000_0000) >>> 0, at)
}
