import type { Message } from '../wire/message.js'
import { FAMILY, type Subnet } from '../wire/subnet.js'

/** How many replies to one question are kept for parts of the network, each in a place that its address chooses. */
const PLACES = 1024
/** Beside these: what is for all of IPv4, for all of IPv6, and for those who tell nothing of their address. */
const ALL_IPV4 = PLACES
const ALL_IPV6 = PLACES + 1
const UNTOLD = PLACES + 2

/**
 * The network that `reply`, to a query for `asked`, is kept for: its own subnet and scope, if those are about `asked`. What says
 * that there is nothing is for everybody (RFC 7871, section 7.4), and so is what has no subnet (section 7.3).
 */
export function networkOf(asked: Subnet, reply: Message): Subnet {
  const told = reply.subnet
  if (asked.source === 0 || told === null || !reply.hasData) return asked.scoped(0)
  // It is about a network that was asked for in its place, and who knows for whom else that would be done.
  if (told.source === 0 || !told.shares(asked, told.source)) return asked.scoped(asked.source)
  // An upstream that was told less than another would have been says nothing about the others of that network.
  return told.scope > told.source && told.source < asked.source ? asked.scoped(asked.source) : told
}

/** What a reply that is for `network` is kept under, in place of the hash of its question. */
export function hashFor(network: Subnet, hash: number): number {
  return hashOfPlace(hash, placeOf(network, bitsOf(network), hash))
}

/** What replies may be kept under that are good for `asked`, the one for the smallest network first; and for how many bits that is. */
export function* hashesFor(asked: Subnet, hash: number): Generator<readonly [hash: number, bits: number]> {
  for (let bits = asked.source; bits >= 0; bits--) yield [hashOfPlace(hash, placeOf(asked, bits, hash)), bits]
}

/**
 * Whether a reply that was kept is for the first `bits` bits of `asked`, and no more. One that would be better for who tells more
 * is for those only who tell as little (RFC 7871, section 7.3.1): else one client could spoil it for half of the network.
 */
export function isFor(reply: Message, asked: Subnet, bits: number): boolean {
  const network = reply.subnet
  if (network === null || bitsOf(network) !== bits || !network.shares(asked, bits)) return false
  return network.scope <= network.source || network.source === asked.source
}

/** How many bits a reply is for: no more than were told. */
function bitsOf({ source, scope }: Subnet): number {
  return Math.min(source, scope)
}

/** `hash` keeps whoever chooses subnets from choosing places. */
function placeOf({ family, source, octets }: Subnet, bits: number, hash: number): number {
  if (source === 0) return UNTOLD
  if (bits === 0) return family === FAMILY.IPV6 ? ALL_IPV6 : ALL_IPV4
  let mixed = Math.imul(hash ^ ((family << 8) | bits), 0x0100_0193)
  const end = 4 + Math.ceil(bits / 8)
  for (let i = 4; i < end; i++) {
    const octet = octets[i]!
    const kept = i === end - 1 && bits % 8 !== 0 ? octet & (0xff00 >> (bits % 8)) : octet
    mixed = Math.imul(mixed ^ kept, 0x0100_0193)
    mixed ^= mixed >>> 15
  }
  return (mixed ^ (mixed >>> 16)) & (PLACES - 1)
}

/** Places of one question differ in every case: the factor is odd. */
function hashOfPlace(hash: number, place: number): number {
  return hash ^ Math.imul(place + 1, 0x9e37_79b1)
}
