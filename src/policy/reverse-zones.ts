/** The locally served reverse zone that a name is in. */
export interface ReverseZone {
  /** Presentation form, lower case. */
  readonly zone: string
  /** Whether the name is the zone's own, or on the way to a name that exists. */
  readonly exists: boolean
  /** Whether it is the name of 127.0.0.1 or ::1. */
  readonly localhost: boolean
}

const LOOPBACK_4 = '127.0.0.1'
const NIBBLES = 32
const LOOPBACK_6 = `${'0'.repeat(NIBBLES - 1)}1`
/** Prefixes in hexadecimal: unique local, link-local, documentation, `::` and `::1` (RFC 6303, sections 4.3 to 4.6; RFC 4193, section 4.4). */
const PREFIXES_6 = ['fd', 'fe8', 'fe9', 'fea', 'feb', '20010db8', '0'.repeat(NIBBLES), LOOPBACK_6]

/**
 * The zone of private address space (RFC 6303) that the name with these labels is in, or null.
 *
 * @param labels from the root down, lower case
 */
export function reverseZone(labels: readonly string[]): ReverseZone | null {
  if (labels[1] === 'in-addr') return ofIPv4(labels.slice(2))
  return labels[1] === 'ip6' ? ofIPv6(labels.slice(2)) : null
}

function ofIPv4(octets: readonly string[]): ReverseZone | null {
  const depth = privateDepth(octets)
  if (depth === 0 || octets.length < depth) return null
  const text = octets.join('.')
  return {
    zone: zoneName(octets.slice(0, depth), 'in-addr'),
    exists:
      octets.length === depth || text === LOOPBACK_4 || (octets[0] === '127' && LOOPBACK_4.startsWith(`${text}.`)),
    localhost: text === LOOPBACK_4,
  }
}

/** How many octets the private range of this address has in its zone's name; 0 when it isn't in one. */
function privateDepth([first = '', second, third, fourth]: readonly string[]): number {
  switch (first) {
    case '0':
    case '10':
    case '127':
      return 1
    case '169':
      return second === '254' ? 2 : 0
    case '172':
      return second !== undefined && /^(1[6-9]|2\d|3[01])$/.test(second) ? 2 : 0
    case '192':
      return second === '168' ? 2 : 0
    case '255':
      return second === '255' && third === '255' && fourth === '255' ? 4 : 0
    default:
      return 0
  }
}

function ofIPv6(nibbles: readonly string[]): ReverseZone | null {
  const end = nibbles.findIndex((nibble) => nibble.length !== 1)
  const hex = (end < 0 ? nibbles : nibbles.slice(0, end)).join('')
  const prefix = PREFIXES_6.find((candidate) => hex.startsWith(candidate))
  if (prefix === undefined) return null
  const apex = nibbles.length === prefix.length
  return { zone: zoneName([...prefix], 'ip6'), exists: apex, localhost: apex && prefix === LOOPBACK_6 }
}

function zoneName(parts: readonly string[], space: string): string {
  return [...parts].reverse().join('.') + `.${space}.arpa`
}
