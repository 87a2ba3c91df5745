import type { SubnetLimits } from '../wire/subnet.js'

/** How deep compositions are looked into: none goes deeper, unless it is in itself. */
const DEEPEST = 16

/**
 * How many bits of a client's subnet (RFC 7871) replies of `asked` may depend on: what its `subnetLimits` say, else the most that
 * one of its `parts` does. Null where no subnet is told to anybody.
 */
export function subnetLimitsOf(asked: object, depth = 0): SubnetLimits | null {
  const { subnetLimits, parts } = asked as { subnetLimits?: SubnetLimits | null; parts?: readonly object[] }
  if (subnetLimits !== undefined) return subnetLimits
  if (parts === undefined || depth === DEEPEST) return null
  let most: SubnetLimits | null = null
  for (const part of parts) most = greater(most, subnetLimitsOf(part, depth + 1))
  return most
}

function greater(a: SubnetLimits | null, b: SubnetLimits | null): SubnetLimits | null {
  if (a === null || b === null) return a ?? b
  return { ipv4: Math.max(a.ipv4, b.ipv4), ipv6: Math.max(a.ipv6, b.ipv6) }
}
