import { isIP } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'
import { readInterfaces, type Interfaces } from '../base/interfaces.js'
import { show } from '../base/options.js'
import { DnsError, InvalidAddressError } from '../errors.js'
import { canonicalIp, isLoopback } from './ip.js'

/** Where queries are sent from, as the option `source` says it; frozen. */
export interface Source {
  /** Local IP address in its canonical spelling, without a zone; null when only an interface is named. */
  readonly address: string | null
  /** Which kind of IP address `address` is; null without one. */
  readonly family: 4 | 6 | null
  /** Name of a network interface, or null. */
  readonly interface: string | null
  /** As it was written. */
  readonly text: string
}

/**
 * Reads an address (`192.0.2.127`), an interface (`eth1`) or an address on an interface (`192.0.2.127@eth1`, or
 * `fe80::1%eth1`). Whether they exist on this machine is for {@link resolveSource} to say.
 *
 * @throws {InvalidAddressError} it is none of the three
 */
export function parseSource(text: string): Source {
  if (typeof text !== 'string' || text.trim() === '' || text.length > 255 || /[\p{C}]/u.test(text)) {
    throw new InvalidAddressError(
      typeof text === 'string' ? text : show(text),
      'is not a source; expected an IP address, an interface name or address@interface',
    )
  }
  const at = text.indexOf('@')
  if (at >= 0) return withInterface(text, text.slice(0, at), text.slice(at + 1))
  if (isIP(text) !== 0) return ofAddress(text, text, null)
  if (/^[\d.]+$/.test(text) || /:.*:/.test(text))
    throw new InvalidAddressError(text, 'is not an IP address, and looks too much like one to be an interface')
  return Object.freeze({ address: null, family: null, interface: text, text })
}

/**
 * The local IP address to bind for an upstream whose address is of `family`: a pure function of what `interfaces`
 * lists, which only a source that names one depends on; null: they aren't known. Call it again after a change of
 * network.
 *
 * An interface that has several gives its first that isn't link-local; a link-local one comes with its zone.
 *
 * @throws {DnsError} `ERR_DNS_CONNECT`: the interface or the address isn't there or can't be looked up, or is of the other family
 */
export function resolveSource(source: Source, family: 4 | 6, interfaces: Interfaces | null = readInterfaces()): string {
  const { address, interface: name } = source
  if (address !== null && source.family !== family)
    return fail(source, `is IPv${source.family}, the upstream's address is IPv${family}`)
  if (name === null) return address!
  if (interfaces === null) return fail(source, "names an interface, and the system doesn't tell which there are")
  const entries = findInterface(interfaces, name)
  if (entries === null)
    return fail(source, `names no interface of this machine; there are ${Object.keys(interfaces).join(', ') || 'none'}`)
  const own = entries.filter((entry) => entry.family === `IPv${family}`)
  if (address === null) return firstOf(own, name) ?? fail(source, `has no IPv${family} address`)
  const held = own.find((entry) => canonicalIp(entry.address) === address || (entry.internal && isLoopback(address)))
  if (held === undefined)
    return fail(
      source,
      `doesn't hold: ${name} has ${own.map((entry) => entry.address).join(', ') || `no IPv${family} address`}`,
    )
  return family === 6 && isLinkLocal(address) ? `${address}%${name}` : address
}

function withInterface(text: string, address: string, name: string): Source {
  if (isIP(address) === 0)
    throw new InvalidAddressError(text, `has ${show(address)} before "@", which is not an IP address`)
  if (name.trim() === '' || name.includes('@'))
    throw new InvalidAddressError(text, `has ${show(name)} after "@", which is not an interface name`)
  return ofAddress(text, address, name)
}

function ofAddress(text: string, given: string, name: string | null): Source {
  const [address, zone] = canonicalIp(given)!.split('%') as [string, string?]
  if (zone !== undefined && name !== null && zone !== name)
    throw new InvalidAddressError(text, `names two interfaces, ${zone} and ${name}`)
  return Object.freeze({ address, family: isIP(address) as 4 | 6, interface: name ?? zone ?? null, text })
}

/** By name, or by the index that a zone may have instead (RFC 4007, section 11.2). */
function findInterface(interfaces: Interfaces, name: string): readonly NetworkInterfaceInfo[] | null {
  if (Object.hasOwn(interfaces, name)) return interfaces[name] ?? null
  if (!/^\d+$/.test(name)) return null
  const index = Number(name)
  return (
    Object.values(interfaces).find((entries) =>
      entries?.some((entry) => entry.family === 'IPv6' && entry.scopeid === index && index > 0),
    ) ?? null
  )
}

function firstOf(entries: readonly NetworkInterfaceInfo[], name: string): string | null {
  const routable = entries.find((entry) => !isLinkLocal(entry.address))
  if (routable !== undefined) return routable.address
  const first = entries[0]
  if (first === undefined) return null
  return first.family === 'IPv6' ? `${first.address}%${name}` : first.address
}

function isLinkLocal(address: string): boolean {
  return /^(fe[89ab][\da-f]:|169\.254\.)/i.test(address)
}

function fail(source: Source, problem: string): never {
  throw new DnsError('ERR_DNS_CONNECT', `source ${show(source.text)} ${problem}`)
}
