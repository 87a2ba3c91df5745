import { BlockList, isIP, isIPv4, SocketAddress } from 'node:net'

const LOOPBACK = blockList(['127.0.0.0', 8], ['::1', 128])
/** RFC 1918, unique local addresses (RFC 4193), link-local (RFC 3927 and RFC 4291). */
const PRIVATE = blockList(
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['169.254.0.0', 16],
  ['fc00::', 7],
  ['fe80::', 10],
)

/**
 * The one spelling of an IP address that headrace uses, or null when `text` is none: lower case, shortest IPv6 form
 * (RFC 5952), IPv4-mapped IPv6 as IPv4, a zone (`%eth0`) kept as it is.
 */
export function canonicalIp(text: string): string | null {
  const family = isIP(text)
  if (family === 0) return null
  if (family === 4) return text
  const percent = text.indexOf('%')
  const zone = percent < 0 ? '' : text.slice(percent)
  const { address } = new SocketAddress({ address: percent < 0 ? text : text.slice(0, percent), family: 'ipv6' })
  const mapped = address.startsWith('::ffff:') ? address.slice(7) : ''
  return isIPv4(mapped) ? mapped : address + zone
}

/**
 * Whether `ip` is for use within one site: RFC 1918, unique local, link-local; in any spelling, with or without a
 * zone. Loopback is not ({@link isLoopback}), nor is anything that is no IP address.
 */
export function isPrivateAddress(ip: string): boolean {
  return isIn(PRIVATE, ip)
}

/** Whether `ip` is an address of this machine alone: 127.0.0.0/8 or ::1, in any spelling. Servers ask this for each query. */
export function isLoopback(ip: string): boolean {
  if (ip === '127.0.0.1' || ip === '::1') return true
  // No spelling of ::1 or of an IPv4-mapped address begins otherwise; the list costs 2 µs.
  if (!ip.startsWith('127.') && !ip.startsWith(':') && !ip.startsWith('0')) return false
  return isIn(LOOPBACK, ip)
}

function isIn(list: BlockList, ip: string): boolean {
  const canonical = canonicalIp(ip)
  if (canonical === null) return false
  const percent = canonical.indexOf('%')
  const plain = percent < 0 ? canonical : canonical.slice(0, percent)
  return list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6')
}

function blockList(...subnets: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList()
  for (const [net, prefix] of subnets) list.addSubnet(net, prefix, isIPv4(net) ? 'ipv4' : 'ipv6')
  return list
}
