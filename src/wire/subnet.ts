import { Buffer } from 'node:buffer'
import { isIPv4, isIPv6 } from 'node:net'
import { TYPE } from './constants.js'
import { writeRdata } from './rdata-write.js'

/** FAMILY of a subnet (RFC 7871, section 6). */
export const FAMILY = Object.freeze({ IPV4: 1, IPV6: 2 } as const)
/** Octets before ADDRESS. */
const HEAD = 4

/** How many bits of an address count, at most. */
export interface SubnetLimits {
  readonly ipv4: number
  readonly ipv6: number
}

/** An EDNS Client Subnet option (RFC 7871, section 6): the network that a query is for, or that a reply is for. */
export class Subnet {
  /** FAMILY, SOURCE PREFIX-LENGTH, SCOPE PREFIX-LENGTH and ADDRESS; shared, and must not be written to. */
  readonly octets: Buffer

  private constructor(octets: Buffer) {
    this.octets = octets
  }

  /** Takes the data of an option over; null where that is malformed. */
  static read(octets: Buffer): Subnet | null {
    return isSubnet(octets, 0, octets.length) ? new Subnet(octets) : null
  }

  /** A subnet such as `192.0.2.0/24`; null where `text` is none, or has bits after its prefix. */
  static parse(text: string): Subnet | null {
    const [, address = '', prefix = ''] = /^([^/%]+)\/(\d{1,3})$/.exec(text) ?? []
    const isOld = isIPv4(address)
    const source = Number(prefix)
    if ((!isOld && !isIPv6(address)) || source > (isOld ? 32 : 128)) return null
    const octets = Buffer.concat([
      Buffer.from([0, isOld ? FAMILY.IPV4 : FAMILY.IPV6, source, 0]),
      writeRdata(isOld ? TYPE.A : TYPE.AAAA, address),
    ])
    const end = HEAD + Math.ceil(source / 8)
    return octets.subarray(end).some((octet) => octet !== 0) ? null : Subnet.read(octets.subarray(0, end))
  }

  get family(): number {
    return (this.octets[0]! << 8) | this.octets[1]!
  }

  /** SOURCE PREFIX-LENGTH: how many bits there are of the address. */
  get source(): number {
    return this.octets[2]!
  }

  /** SCOPE PREFIX-LENGTH: how many bits a reply is for; 0 in queries. */
  get scope(): number {
    return this.octets[3]!
  }

  /** This subnet as a query has it, of no more bits than `limits` allow. */
  shortened({ ipv4, ipv6 }: SubnetLimits): Subnet {
    return this.#cut(Math.min(this.source, this.family === FAMILY.IPV6 ? ipv6 : ipv4), 0)
  }

  /** The same subnet in a reply that is for `scope` bits of it. */
  scoped(scope: number): Subnet {
    return this.#cut(this.source, scope)
  }

  /** Whether both have `bits` bits of the same address. */
  shares(other: Subnet, bits: number): boolean {
    if (this.family !== other.family || bits > this.source || bits > other.source) return false
    const end = HEAD + (bits >> 3)
    for (let i = HEAD; i < end; i++) if (this.octets[i] !== other.octets[i]) return false
    return bits % 8 === 0 || ((this.octets[end]! ^ other.octets[end]!) & (0xff00 >> (bits % 8)) & 0xff) === 0
  }

  /** Whether both are one subnet, whatever their scopes. */
  equals(other: Subnet): boolean {
    return this.source === other.source && this.shares(other, this.source)
  }

  #cut(source: number, scope: number): Subnet {
    if (source === this.source && scope === this.scope) return this
    const octets = Buffer.from(this.octets.subarray(0, HEAD + Math.ceil(source / 8)))
    octets[2] = source
    octets[3] = scope
    if (source % 8 !== 0) octets[octets.length - 1]! &= 0xff00 >> (source % 8)
    return new Subnet(octets)
  }
}

/** What is sent for a client that wants nothing of its address told (RFC 7871, section 7.1.2). */
export const NO_SUBNET = Subnet.read(Buffer.from([0, FAMILY.IPV4, 0, 0]))!

/** Whether the option at `at`, of `length` octets, is a subnet: as many octets as its bits need, and no bits beyond. */
export function isSubnet(wire: Buffer, at: number, length: number): boolean {
  if (length < HEAD) return false
  const family = (wire[at]! << 8) | wire[at + 1]!
  const bits = wire[at + 2]!
  // FAMILY 0 with SOURCE 0 is how some clients opt out (RFC 7871, section 7.1.2).
  if (bits > (family === FAMILY.IPV4 ? 32 : family === FAMILY.IPV6 ? 128 : 0) || family > FAMILY.IPV6) return false
  if (length !== HEAD + Math.ceil(bits / 8)) return false
  return bits % 8 === 0 || (wire[at + length - 1]! & (0xff >> (bits % 8))) === 0
}
