/** The locally served reverse zone that a name is in. */
export interface ReverseZone {
  /** Presentation form, lower case. */
  readonly zone: string
  /** Whether the name is the zone's own, or on the way to a name that exists. */
  readonly exists: boolean
  /** Whether it is the name of 127.0.0.1 or ::1. */
  readonly localhost: boolean
}

/** RFC 6303, sections 4.1 and 4.2. */
const ONE_OCTET: ReadonlySet<string> = new Set(['0', '10', '127'])
const TWO_OCTETS: ReadonlySet<string> = new Set([
  '169.254',
  '192.168',
  ...Array.from({ length: 16 }, (_, i) => `172.${16 + i}`),
])
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
  // A label may have a dot of its own (A23): it is no octet then.
  const text = octets.some((octet) => octet.includes('.')) ? '' : octets.join('.')
  return {
    zone: zoneName(octets.slice(0, depth), 'in-addr'),
    exists:
      octets.length === depth || text === LOOPBACK_4 || (octets[0] === '127' && LOOPBACK_4.startsWith(`${text}.`)),
    localhost: text === LOOPBACK_4,
  }
}

/** How many octets the private range of this address has in its zone's name; 0 when it isn't in one. */
function privateDepth(octets: readonly string[]): number {
  const [first = '', second = ''] = octets
  if (ONE_OCTET.has(first)) return 1
  if (TWO_OCTETS.has(`${first}.${second}`)) return 2
  return octets.slice(0, 4).join('.') === '255.255.255.255' ? 4 : 0
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
