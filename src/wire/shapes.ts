import { TYPE } from './constants.js'

/** Where the names are in RDATA of a type that holds some. */
export interface Shape {
  /** Octets before the names; -1: a fixed part and three character strings, as in NAPTR. */
  readonly before: number
  /** How many names follow each other. */
  readonly names: number
  /** Octets after the names; -1: any number. */
  readonly after: number
  /** Whether we may compress them: only in types of RFC 1035 (RFC 3597, section 4). */
  readonly compress: boolean
}

/** Octets of NAPTR before its strings. */
export const NAPTR_FIXED = 4

// Those of RFC 1035, then those whose names RFC 3597 (section 4) or their own document says may have been compressed or are never.
const TABLE: readonly (readonly [type: number, before: number, names: number, after: number, compress: boolean])[] = [
  [TYPE.NS, 0, 1, 0, true],
  [TYPE.MD, 0, 1, 0, true],
  [TYPE.MF, 0, 1, 0, true],
  [TYPE.CNAME, 0, 1, 0, true],
  [TYPE.SOA, 0, 2, 20, true],
  [TYPE.MB, 0, 1, 0, true],
  [TYPE.MG, 0, 1, 0, true],
  [TYPE.MR, 0, 1, 0, true],
  [TYPE.PTR, 0, 1, 0, true],
  [TYPE.MINFO, 0, 2, 0, true],
  [TYPE.MX, 2, 1, 0, true],
  [TYPE.RP, 0, 2, 0, false],
  [TYPE.AFSDB, 2, 1, 0, false],
  [TYPE.RT, 2, 1, 0, false],
  [TYPE.SIG, 18, 1, -1, false],
  [TYPE.PX, 2, 2, 0, false],
  [TYPE.NXT, 0, 1, -1, false],
  [TYPE.SRV, 6, 1, 0, false],
  [TYPE.NAPTR, -1, 1, 0, false],
  [TYPE.KX, 2, 1, 0, false],
  [TYPE.DNAME, 0, 1, 0, false],
  [TYPE.RRSIG, 18, 1, -1, false],
  [TYPE.NSEC, 0, 1, -1, false],
]

const SHAPES: readonly (Shape | null)[] = Array.from({ length: 64 }, (_, code): Shape | null => {
  const row = TABLE.find(([type]) => type === code)
  return row === undefined ? null : Object.freeze({ before: row[1], names: row[2], after: row[3], compress: row[4] })
})

/** Where the names are in RDATA of `type`; null when it holds none that are known. */
export function shapeOf(type: number): Shape | null {
  return type < 64 ? SHAPES[type]! : null
}
