import { integer, readOptions, show, suggest } from '../base/options.js'
import { InvalidAddressError } from '../errors.js'
import { formatHost, formatHostPort, readHostPort } from './host.js'
import { readStamp, type StampDetails } from './stamp.js'
import { splitTag } from './tag.js'

/** What every address has, whatever its transport. */
export interface AddressBase {
  /** An IP address in its canonical spelling (a zone such as `%eth0` kept), or a host name in lower case without a trailing dot. */
  readonly host: string
  /** Which kind of IP address `host` is; null for a host name, which is resolved through `bootstrap`. */
  readonly family: 4 | 6 | null
  /** 1 to 65535. */
  readonly port: number
  /** The name that the user gave it with `|tag`, or null. */
  readonly tag: string | null
  /** What only a DNS stamp can say, or null when it was none. */
  readonly stamp: StampDetails | null
  /** The canonical form, without the tag: an upstream's default name. `1.1.1.1:53` for udp, a URL for the others. */
  readonly text: string
}

/** An address of a transport that asks a host and port. */
export interface HostAddress extends AddressBase {
  readonly transport: 'udp' | 'tcp' | 'tls' | 'doq'
  readonly path: null
}

/** An address of a transport that asks a URL (RFC 8484). */
export interface HttpAddress extends AddressBase {
  readonly transport: 'https' | 'h3'
  /** Absolute path, with a query part where one was given. */
  readonly path: string
}

/** Where an upstream is and how to talk to it; frozen. */
export type Address = HostAddress | HttpAddress

/** Everything that can be read as an address. Other members of the object are left to whoever else reads it. */
export type AddressInput = string | Address | { readonly addr: string; readonly tag?: string | undefined }

/** How addresses are read. */
export interface AddressOptions {
  /** The port of an address that has neither scheme nor port, 1 to 65535; @default 53 */
  readonly defaultPort?: number
}

type Transport = Address['transport']

const OPTIONS = { defaultPort: integer(53, 1, 65_535) }
const SCHEMES: ReadonlyMap<string, Transport> = new Map([
  ['udp', 'udp'], ['tcp', 'tcp'], ['tls', 'tls'], ['https', 'https'], ['doq', 'doq'], ['quic', 'doq'], ['h3', 'h3'],
]) // prettier-ignore
/** What people write for schemes that are near to none of ours, or nearer to the wrong one. */
const MEANT: ReadonlyMap<string, string> = new Map([
  ['http', '; plain HTTP is never used: write https://'],
  ['dot', '; did you mean "tls"?'],
  ['doh', '; did you mean "https"?'],
  ['doh3', '; did you mean "h3"?'],
  ['http3', '; did you mean "h3"?'],
  ['dns', '; did you mean "udp"?'],
])
const DEFAULT_PORT: Readonly<Record<Transport, number>> = { udp: 53, tcp: 53, tls: 853, https: 443, doq: 853, h3: 443 }
const MAX_LENGTH = 4096

const made = new WeakSet<object>()

/**
 * Reads one address: an IP address with or without a port, a URL, or a DNS stamp, each with or without `|tag`. What
 * this function returned before is returned unchanged.
 *
 * @throws {InvalidAddressError} saying which part is wrong and what is accepted
 * @throws {InvalidOptionError} `defaultPort` is not a port
 */
export function parseAddress(input: AddressInput, options: AddressOptions = {}): Address {
  const { defaultPort } = readOptions('parseAddress', OPTIONS, options)
  if (isAddress(input)) return input
  const { addr, tag } = splitTag(input)
  checkText(addr)
  const at = addr.indexOf('://')
  if (at < 0) return parseBare(addr, tag, defaultPort)
  const scheme = addr.slice(0, at).toLowerCase()
  const rest = addr.slice(at + 3)
  return scheme === 'sdns' ? fromStamp(addr, rest, tag) : parseUrl(addr, readScheme(addr, scheme), rest, tag)
}

/**
 * Reads several addresses: text with commas between them, or an array of what {@link parseAddress} takes. White space
 * around a comma doesn't matter; a comma within a path is written `%2C`.
 *
 * @throws {InvalidAddressError} one of them can't be read, or there is none
 */
export function parseAddressList(input: string | readonly AddressInput[], options: AddressOptions = {}): Address[] {
  const items = typeof input === 'string' ? input.split(',').map((item) => item.trim()) : input
  if (!Array.isArray(items))
    throw new InvalidAddressError(show(input), 'must be text with commas between addresses, or an array')
  if (typeof input === 'string' && items.length > 1 && items.includes('')) {
    throw new InvalidAddressError(input, 'has an empty entry between or after its commas')
  }
  return (items as readonly AddressInput[]).map((item) => parseAddress(item, options))
}

/** The canonical form of an address, without its tag: what {@link parseAddress} reads back as the same place. */
export function formatAddress({
  transport,
  host,
  port,
  path,
}: Pick<Address, 'transport' | 'host' | 'port' | 'path'>): string {
  switch (transport) {
    case 'udp':
      return formatHostPort(host, port)
    case 'tcp':
    case 'tls':
    case 'doq':
      return `${transport}://${formatHostPort(host, port)}`
    case 'https':
    case 'h3':
      return `${transport}://${port === DEFAULT_PORT[transport] ? formatHost(host) : formatHostPort(host, port)}${path}`
    default:
      return transport satisfies never
  }
}

function isAddress(input: unknown): input is Address {
  return typeof input === 'object' && input !== null && made.has(input)
}

function checkText(addr: string): void {
  if (addr === '')
    throw new InvalidAddressError(
      addr,
      'is empty; expected something such as 1.1.1.1, [2606:4700:4700::1111]:53 or tls://dns.quad9.net',
    )
  if (addr.length > MAX_LENGTH) throw new InvalidAddressError(addr, `is longer than ${MAX_LENGTH} characters`)
  if (/[\s\p{C}]/u.test(addr)) throw new InvalidAddressError(addr, 'has white space or a control character in it')
}

function readScheme(addr: string, scheme: string): Transport {
  const transport = SCHEMES.get(scheme)
  if (transport !== undefined) return transport
  const known = [...SCHEMES.keys(), 'sdns']
  throw new InvalidAddressError(
    addr,
    `has the unknown scheme ${show(scheme)}${MEANT.get(scheme) ?? suggest(scheme, known)}`,
  )
}

function parseBare(addr: string, tag: string | null, defaultPort: number): Address {
  const odd = /[/?#@]/.exec(addr)?.[0]
  if (odd === '#' || odd === '@')
    throw new InvalidAddressError(addr, `has ${show(odd)}; a port is written after a colon, as in 1.1.1.1:53`)
  if (odd !== undefined) throw new InvalidAddressError(addr, 'has a path; only https:// and h3:// addresses have one')
  if (/^(udp|tcp|tls|https?|doq|quic|h3|sdns):/i.test(addr))
    throw new InvalidAddressError(addr, 'has a scheme without "//"; write tls://1.1.1.1')
  const { host, family, port } = readHostPort(addr, addr, true)
  return make(addr, { transport: 'udp', host, family, port: port ?? defaultPort, path: null, tag, stamp: null })
}

function parseUrl(addr: string, transport: Transport, rest: string, tag: string | null): Address {
  const end = rest.search(/[/?#]/)
  const authority = end < 0 ? rest : rest.slice(0, end)
  const after = end < 0 ? '' : rest.slice(end)
  if (authority.includes('@')) throw new InvalidAddressError(addr, 'has a user name before "@"; headrace sends none')
  if (after.includes('#')) throw new InvalidAddressError(addr, 'has a fragment ("#…"), which no upstream gets to see')
  const { host, family, port: given } = readHostPort(addr, authority, false)
  const port = given ?? DEFAULT_PORT[transport]
  if (transport === 'https' || transport === 'h3') {
    return make(addr, { transport, host, family, port, path: readPath(addr, after), tag, stamp: null })
  }
  if (after !== '')
    throw new InvalidAddressError(
      addr,
      `has ${show(after)} after the host; ${transport}:// takes no path, only https:// and h3:// do`,
    )
  return make(addr, { transport, host, family, port, path: null, tag, stamp: null })
}

/** The path that is asked, `/dns-query` when there is none; a URI template's `{?dns}` (RFC 8484, section 4.1) is left out. */
function readPath(addr: string, text: string): string {
  const plain = text.endsWith('{?dns}') ? text.slice(0, -6) : text
  const cut = plain.indexOf('?')
  const path = cut < 0 ? plain : plain.slice(0, cut)
  if (/[^!-~]|["<>\\^`{|}]/.test(plain)) {
    throw new InvalidAddressError(addr, `has the path ${show(plain)}; what isn't a URL character is written as %xx`)
  }
  if (path !== '' && !path.startsWith('/'))
    throw new InvalidAddressError(addr, `has the path ${show(path)}; a path starts with "/"`)
  return (path === '' || path === '/' ? '/dns-query' : path) + (cut < 0 ? '' : plain.slice(cut))
}

function fromStamp(addr: string, encoded: string, tag: string | null): Address {
  const { transport, host, family, port, path, details } = readStamp(addr, encoded)
  const parts = { host, family, port: port ?? DEFAULT_PORT[transport], tag, stamp: details }
  if (transport === 'https') return make(addr, { ...parts, transport, path: readPath(addr, path ?? '') })
  return make(addr, { ...parts, transport, path: null })
}

function make(input: string, parts: Omit<HostAddress, 'text'> | Omit<HttpAddress, 'text'>): Address {
  checkPort(input, parts.transport, parts.port)
  const address = Object.freeze({ ...parts, text: formatAddress(parts) }) as Address
  made.add(address)
  return address
}

/** Ports on which a transport is forbidden, since the other side would take it for another one. */
function checkPort(input: string, transport: Transport, port: number): void {
  if (port === 53 && transport === 'doq')
    throw new InvalidAddressError(input, 'has port 53, on which DNS over QUIC is forbidden (RFC 9250, section 4.1.1)')
  if (port === 53 && transport === 'tls')
    throw new InvalidAddressError(input, 'has port 53, on which DNS over TLS is forbidden (RFC 7858, section 3.1)')
  if (port === 853 && (transport === 'udp' || transport === 'tcp')) {
    const meant = transport === 'udp' ? 'tls:// or doq://' : 'tls://'
    throw new InvalidAddressError(
      input,
      `has port 853, on which DNS in the clear is forbidden (RFC 7858, section 3.1); write ${meant}`,
    )
  }
}
