import { Buffer } from 'node:buffer'

/** A source of whole numbers below `limit`. */
export type Below = (limit: number) => number

/** mulberry32: the same numbers for the same seed, on every machine. */
export function seeded(seed: number): Below {
  let state = seed >>> 0
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = state
    x = Math.imul(x ^ (x >>> 15), x | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) % limit
  }
}

const TELLING = [0, 1, 2, 0x0c, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xc1, 0xff]

/** `octets` with 1 to 8 mistakes of the kinds that parsers trip over. */
export function mutate(octets: Buffer, below: Below): Buffer {
  let out: Buffer = Buffer.from(octets)
  for (let left = 1 + below(8); left > 0; left--) out = once(out, below)
  return out.subarray(0, 65_535)
}

function once(octets: Buffer, below: Below): Buffer {
  const { length } = octets
  if (length === 0) return Buffer.from([below(256)])
  const at = below(length)
  switch (below(9)) {
    case 0:
      octets[at]! ^= 1 << below(8)
      return octets
    case 1:
      octets[at] = below(256)
      return octets
    case 2:
      octets[at] = TELLING[below(TELLING.length)]!
      return octets
    case 3:
      if (at + 1 < length) octets.writeUInt16BE(0xc000 | below(length), at)
      return octets
    case 4:
      return octets.subarray(0, at)
    case 5:
      return Buffer.concat([
        octets.subarray(0, at),
        Buffer.from(Array.from({ length: 1 + below(6) }, () => below(256))),
        octets.subarray(at),
      ])
    case 6:
      return Buffer.concat([octets.subarray(0, at), octets.subarray(Math.min(length, at + 1 + below(8)))])
    case 7:
      return Buffer.concat([octets, octets.subarray(at, at + below(64))])
    default:
      if (length >= 12) octets.writeUInt16BE(below(6), 4 + 2 * below(4))
      return octets
  }
}
