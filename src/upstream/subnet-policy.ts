import { reject } from '../base/options.js'
import type { Message } from '../wire/message.js'
import { NO_SUBNET, Subnet, type SubnetLimits } from '../wire/subnet.js'

/** What becomes of the subnets of clients: none goes on, theirs do, or this one does in their place. */
export type Ecs = 'strip' | 'keep' | Subnet

/** A client's own is not looked at. */
const NONE: SubnetLimits = Object.freeze({ ipv4: 0, ipv6: 0 })

/** Reads the option `ecs`. @throws {InvalidOptionError} it is none */
export function readEcs(given: unknown, owner: string, name: string): Ecs {
  if (given === 'strip' || given === 'keep') return given
  const subnet = typeof given === 'string' ? Subnet.parse(given) : null
  return (
    subnet ??
    reject(
      owner,
      name,
      given,
      '"strip", "keep", or a subnet such as "192.0.2.0/24" or "2001:db8::/56" with no bits after its prefix',
    )
  )
}

/** Which network an upstream is told that a query is for (RFC 7871, section 7.1). */
export class SubnetPolicy {
  /** How much of a client's subnet makes a difference. */
  readonly limits: SubnetLimits
  readonly #fixed: Subnet | null

  private constructor(fixed: Subnet | null, limits: SubnetLimits) {
    this.#fixed = fixed
    this.limits = limits
  }

  /** Null where nothing is told. */
  static of(ecs: Ecs, limits: SubnetLimits): SubnetPolicy | null {
    if (ecs === 'strip') return null
    return ecs === 'keep' ? new SubnetPolicy(null, limits) : new SubnetPolicy(ecs, NONE)
  }

  /** What goes with `query`; null for nothing. A signed one can't be changed. */
  for(query: Message): Subnet | null {
    if (query.signed) return null
    const own = query.subnet
    // No bit of the address may be told, so that a network in its place isn't either (section 7.1.2).
    if (own?.source === 0) return NO_SUBNET
    return this.#fixed ?? own?.shortened(this.limits) ?? null
  }
}
