import { Buffer } from 'node:buffer'
import { isIPv6, SocketAddress } from 'node:net'

/** Octets of an address in the core's form: port, family (0: none, 4, 6), IP, scope. */
export const ADDRESS = 24

const NOTHING = Buffer.alloc(0)
/** Addresses that are remembered in both forms; beyond that all are forgotten. */
const REMEMBERED = 4096

/** An address and port of UDP. */
export interface Remote {
  /** IPv4 or IPv6, with its zone where it has one. */
  readonly address: string
  readonly port: number
}

/** Translates addresses between Node's form and the core's; zones of IPv6 are numbered as they come. */
export class Addresses {
  readonly #encoded = new Map<string, Buffer>()
  readonly #zones: string[] = []
  /** What was asked for last, as one peer sends many datagrams in a row. */
  #address = ''
  #port = -1
  #last: Buffer = NOTHING

  /** Not to be written to. */
  encode(address: string, port: number): Buffer {
    if (address !== this.#address || port !== this.#port) {
      this.#last = this.#encode(address, port)
      this.#address = address
      this.#port = port
    }
    return this.#last
  }

  /** Reads an address at `at`. */
  decode(octets: Buffer, at: number): Remote {
    const port = octets.readUInt16LE(at)
    if (octets.readUInt16LE(at + 2) === 4) return { address: octets.subarray(at + 4, at + 8).join('.'), port }
    const groups: string[] = []
    for (let i = at + 4; i < at + 20; i += 2) groups.push(octets.readUInt16BE(i).toString(16))
    const zone = this.#zones[octets.readUInt32LE(at + 20) - 1]
    return { address: zone === undefined ? shortened(groups) : `${shortened(groups)}%${zone}`, port }
  }

  #encode(address: string, port: number): Buffer {
    const key = `${address} ${port}`
    const known = this.#encoded.get(key)
    if (known !== undefined) return known
    const octets = Buffer.alloc(ADDRESS)
    octets.writeUInt16LE(port, 0)
    const [ip, zone] = address.split('%') as [string, string?]
    const v6 = isIPv6(ip)
    octets.writeUInt16LE(v6 ? 6 : 4, 2)
    if (v6) {
      putIpv6(ip, octets)
      octets.writeUInt32LE(zone === undefined ? 0 : this.#zone(zone), 20)
    } else {
      octets.set(ip.split('.').map(Number), 4)
    }
    if (this.#encoded.size >= REMEMBERED) this.#encoded.clear()
    this.#encoded.set(key, octets)
    return octets
  }

  #zone(name: string): number {
    const at = this.#zones.indexOf(name)
    return at < 0 ? this.#zones.push(name) : at + 1
  }
}

/** The canonical text (RFC 5952) of eight groups. */
function shortened(groups: readonly string[]): string {
  return new SocketAddress({ family: 'ipv6', address: groups.join(':') }).address
}

function putIpv6(text: string, octets: Buffer): void {
  const dotted = text.lastIndexOf('.') < 0 ? null : text.slice(text.lastIndexOf(':') + 1)
  const plain = dotted === null ? text : text.slice(0, text.length - dotted.length) + groupsOf(dotted)
  const [head, tail] = plain.split('::') as [string, string?]
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const groups = [...before, ...new Array<string>(8 - before.length - after.length).fill('0'), ...after]
  groups.forEach((group, i) => octets.writeUInt16BE(parseInt(group, 16), 4 + 2 * i))
}

function groupsOf(dotted: string): string {
  const [a, b, c, d] = dotted.split('.').map(Number) as [number, number, number, number]
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
}
