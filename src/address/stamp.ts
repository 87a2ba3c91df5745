import { Buffer } from 'node:buffer'
import { show } from '../base/options.js'
import { InvalidAddressError } from '../errors.js'
import { formatHostPort, readHostPort, type HostPort } from './host.js'

/** What a DNS stamp says beyond where its server is (dnscrypt.info/stamps-specifications); frozen. */
export interface StampDetails {
  /** IP address of the server, so that its host name need not be looked up; null when the stamp leaves it out. */
  readonly address: string | null
  /** SHA-256 digests, in hexadecimal, of the TBS parts of certificates; one in the server's chain must match. Empty: any chain. */
  readonly hashes: readonly string[]
  /** IP addresses, with a port where one was given, of plain resolvers that know the server's host name. */
  readonly bootstrap: readonly string[]
  /** The server says that it validates DNSSEC. */
  readonly dnssec: boolean
  /** The server says that it keeps no logs. */
  readonly noLog: boolean
  /** The server says that it blocks no names on purpose. */
  readonly noFilter: boolean
}

/** A stamp, read; `port` is null and `path` too where the stamp has none. */
export interface Stamp extends HostPort {
  readonly transport: 'udp' | 'https' | 'tls' | 'doq'
  readonly path: string | null
  readonly details: StampDetails
}

const TRANSPORTS: ReadonlyMap<number, Stamp['transport']> = new Map([[0x00, 'udp'], [0x02, 'https'], [0x03, 'tls'], [0x04, 'doq']]) // prettier-ignore
const FOREIGN: ReadonlyMap<number, string> = new Map([[0x01, 'DNSCrypt'], [0x05, 'Oblivious DoH'], [0x81, 'DNSCrypt relay'], [0x85, 'Oblivious DoH relay']]) // prettier-ignore
const HASH_SIZE = 32

/**
 * Reads what follows `sdns://`.
 *
 * @param input the whole address, for the error
 * @throws {InvalidAddressError} it is not a stamp, or one of a protocol that headrace doesn't speak
 */
export function readStamp(input: string, encoded: string): Stamp {
  if (!/^[\w-]+$/.test(encoded) || encoded.length % 4 === 1)
    throw new InvalidAddressError(input, 'is not a stamp: base64url without padding must follow sdns://')
  const reader = new Reader(input, Buffer.from(encoded, 'base64url'))
  const protocol = reader.octet('its protocol')
  const transport = TRANSPORTS.get(protocol)
  if (transport === undefined) {
    const what = FOREIGN.get(protocol) ?? `unknown (protocol 0x${protocol.toString(16).padStart(2, '0')})`
    throw new InvalidAddressError(
      input,
      `is a stamp of a kind that headrace doesn't speak: ${what}; plain, DoH, DoT and DoQ stamps are accepted`,
    )
  }
  const properties = reader.take(8, 'its properties')[0]!
  const addr = reader.text('its address')
  const place = transport === 'udp' ? plainPlace(input, addr) : namedPlace(input, addr, reader)
  const path = transport === 'https' ? reader.text('its path') : null
  const bootstrap =
    transport === 'udp' || reader.atEnd
      ? []
      : reader.set('its bootstrap addresses').map((octets) => readBootstrap(input, octets.toString('latin1')))
  if (!reader.atEnd) throw new InvalidAddressError(input, 'is a stamp with octets after its end')
  const flags = { dnssec: (properties & 1) !== 0, noLog: (properties & 2) !== 0, noFilter: (properties & 4) !== 0 }
  const details = {
    address: place.address,
    hashes: Object.freeze(place.hashes),
    bootstrap: Object.freeze(bootstrap),
    ...flags,
  }
  return { transport, host: place.host, family: place.family, port: place.port, path, details: Object.freeze(details) }
}

interface Place extends HostPort {
  readonly address: string | null
  readonly hashes: string[]
}

function plainPlace(input: string, addr: string): Place {
  const place = readIp(input, addr, 'address')
  return { ...place, address: place.host, hashes: [] }
}

/** A server that has a certificate: its IP address may be left out, or its name. */
function namedPlace(input: string, addr: string, reader: Reader): Place {
  const ip = addr === '' || addr.startsWith(':') ? null : readIp(input, addr, 'address')
  const port = ip === null ? portOnly(input, addr) : ip.port
  const hashes = reader.set('its hashes').filter((hash) => hash.length > 0)
  if (hashes.some((hash) => hash.length !== HASH_SIZE))
    throw new InvalidAddressError(input, `is a stamp with a certificate hash that isn't ${HASH_SIZE} octets long`)
  const name = reader.text('its host name')
  const named = name === '' ? ip : readHostPort(input, name, false)
  if (named === null) throw new InvalidAddressError(input, 'is a stamp with neither an address nor a host name')
  if (port !== null && named.port !== null && port !== named.port)
    throw new InvalidAddressError(input, `is a stamp with two ports, ${port} and ${named.port}`)
  const { host, family } = named
  return {
    host,
    family,
    port: port ?? named.port,
    address: ip?.host ?? null,
    hashes: hashes.map((hash) => hash.toString('hex')),
  }
}

function portOnly(input: string, addr: string): number | null {
  return addr === '' ? null : readHostPort(input, `localhost${addr}`, true).port
}

function readIp(input: string, text: string, what: string): HostPort {
  const place = readHostPort(input, text, true)
  if (place.family === null)
    throw new InvalidAddressError(input, `is a stamp whose ${what} ${show(text)} is not an IP address`)
  return place
}

function readBootstrap(input: string, text: string): string {
  const { host, port } = readIp(input, text, 'bootstrap address')
  return port === null ? host : formatHostPort(host, port)
}

/** Takes a stamp's octets apart; says what is missing where it ends too early. */
class Reader {
  readonly #input: string
  readonly #octets: Buffer
  #at = 0

  constructor(input: string, octets: Buffer) {
    this.#input = input
    this.#octets = octets
  }

  get atEnd(): boolean {
    return this.#at === this.#octets.length
  }

  octet(what: string): number {
    return this.take(1, what)[0]!
  }

  take(size: number, what: string): Buffer {
    const end = this.#at + size
    if (end > this.#octets.length) throw new InvalidAddressError(this.#input, `is a stamp that ends within ${what}`)
    const taken = this.#octets.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  /** LP(x): one octet of length, then that many. */
  text(what: string): string {
    return this.take(this.octet(what), what).toString('utf8')
  }

  /** VLP(x1, …): as LP, with the high bit of the length set while more follow. */
  set(what: string): Buffer[] {
    const items: Buffer[] = []
    for (let more = true; more;) {
      const length = this.octet(what)
      more = (length & 0x80) !== 0
      items.push(this.take(length & 0x7f, what))
    }
    return items
  }
}
