import { isIPv4, isIPv6 } from 'node:net'
import { domainToASCII } from 'node:url'
import { show } from '../base/options.js'
import { InvalidAddressError } from '../errors.js'
import { canonicalIp } from './ip.js'

/** The part of an address that says where to connect. */
export interface HostPort {
  /** An IP address in its canonical spelling, or a host name in lower case without a trailing dot. */
  readonly host: string
  /** Which kind of IP address `host` is; null for a host name. */
  readonly family: 4 | 6 | null
  /** Null when none was written. */
  readonly port: number | null
}

/**
 * Reads `host`, `host:port`, `[v6]` and `[v6]:port`.
 *
 * @param input the whole address, for the error
 * @param bare whether there is no scheme before it: an IPv6 address may then stand without brackets, and a single word
 *   needs a port, since it is more likely a mistake than a host
 * @throws {InvalidAddressError} saying which part is wrong
 */
export function readHostPort(input: string, text: string, bare: boolean): HostPort {
  if (text.startsWith('[')) return readBracketed(input, text, bare)
  if (text.includes('[') || text.includes(']'))
    throw new InvalidAddressError(input, 'has brackets that do not match; IPv6 is written [2001:db8::1]:53')
  if (isIPv6(text)) {
    if (!bare) throw new InvalidAddressError(input, `needs brackets around its IPv6 address: [${text}]`)
    return ipAddress(text, null)
  }
  const colon = text.indexOf(':')
  if (colon !== text.lastIndexOf(':'))
    throw new InvalidAddressError(input, `has ${show(text)}, which is neither an IPv6 address nor host:port`)
  const port = colon < 0 ? null : readPort(input, text.slice(colon + 1))
  const host = colon < 0 ? text : text.slice(0, colon)
  if (isIPv4(host)) return ipAddress(host, port)
  return { host: readHostName(input, host, bare && port === null), family: null, port }
}

/** An IP address or a host name as {@link HostPort} has it; null where `text` is neither. */
export function canonicalHost(text: string): string | null {
  const ip = canonicalIp(text)
  if (ip !== null || /[:[\]]/.test(text)) return ip
  try {
    return readHostName(text, text, false)
  } catch {
    return null
  }
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatHostPort(host: string, port: number): string {
  return `${formatHost(host)}:${port}`
}

/** A host as it stands in a URL: an IPv6 address in brackets. */
export function formatHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

function readBracketed(input: string, text: string, bare: boolean): HostPort {
  const close = text.indexOf(']')
  if (close < 0) throw new InvalidAddressError(input, 'has "[" without "]"')
  const rest = text.slice(close + 1)
  if (rest !== '' && !rest.startsWith(':'))
    throw new InvalidAddressError(input, `has ${show(rest)} after "]"; only a port such as :53 may follow`)
  const ip = bare ? text.slice(1, close) : decodeZone(text.slice(1, close))
  if (!isIPv6(ip)) throw new InvalidAddressError(input, `has ${show(ip)} in brackets, which is not an IPv6 address`)
  return ipAddress(ip, rest === '' ? null : readPort(input, rest.slice(1)))
}

/** In a URL the `%` before a zone may be written `%25` (RFC 6874, section 2). */
function decodeZone(ip: string): string {
  const at = ip.indexOf('%25')
  return at < 0 || at + 3 === ip.length ? ip : `${ip.slice(0, at)}%${ip.slice(at + 3)}`
}

function ipAddress(ip: string, port: number | null): HostPort {
  const host = canonicalIp(ip)!
  return { host, family: isIPv4(host) ? 4 : 6, port }
}

function readPort(input: string, digits: string): number {
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : 0
  if (port < 1 || port > 65_535)
    throw new InvalidAddressError(input, `has the port ${show(digits)}; a port is a number from 1 to 65535`)
  return port
}

function readHostName(input: string, text: string, needsDot: boolean): string {
  const ascii = /^[\x21-\x7e]*$/.test(text) ? text : domainToASCII(text)
  const name = (ascii.endsWith('.') ? ascii.slice(0, -1) : ascii).toLowerCase()
  if (name === '')
    throw new InvalidAddressError(input, text === '' ? 'names no host' : `has ${show(text)}, which is not a host name`)
  const labels = name.split('.')
  if (/^(\d+|0x[\da-f]*)$/.test(labels.at(-1)!)) {
    throw new InvalidAddressError(
      input,
      `has ${show(text)}, which is not an IPv4 address: four numbers from 0 to 255, such as 1.1.1.1`,
    )
  }
  if (name.length > 253 || !labels.every(isLabel)) {
    throw new InvalidAddressError(
      input,
      `has ${show(text)}, which is neither an IP address nor a host name: labels of up to 63 letters, digits, "-" and "_", 253 characters in all`,
    )
  }
  if (needsDot && labels.length === 1 && name !== 'localhost') {
    throw new InvalidAddressError(input, `is a single word; if it is a host name, write udp://${name} or ${name}:53`)
  }
  return name
}

function isLabel(label: string): boolean {
  return label.length <= 63 && /^[a-z\d_-]+$/.test(label) && !label.startsWith('-') && !label.endsWith('-')
}
