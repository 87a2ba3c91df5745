import { BlockList, isIP, isIPv4 } from 'node:net'
import { reject } from '../base/options.js'

/** Who may ask when nobody says: this machine, and the networks that are not the Internet's (RFC 1918, RFC 4193, link-local). */
export const DEFAULT_ALLOW: readonly string[] = Object.freeze([
  '127.0.0.0/8', '::1/128', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7', '169.254.0.0/16', 'fe80::/10',
]) // prettier-ignore

/** A lookup in the list costs over a µs, one in the memo tens of ns; forged addresses must not make it grow for ever. */
const MEMO = 4096
const ALLOWED = 'an IP address or a network such as "192.168.0.0/16" or "fd00::/8"'

/** Which client addresses may ask: one that is not in any of the networks is not answered at all (A16). */
export class AllowList {
  readonly #networks = new BlockList()
  readonly #memo = new Map<string, boolean>()

  /**
   * @param networks CIDR notation, or single addresses; bits beyond the prefix don't matter. An empty list allows nobody.
   * @param owner the class or function that was given the option `allow`, for the error
   * @throws {InvalidOptionError} an entry that is neither, saying which
   */
  constructor(networks: readonly string[] = DEFAULT_ALLOW, owner = 'AllowList') {
    if (!Array.isArray(networks)) reject(owner, 'allow', networks, `an array; each entry ${ALLOWED}`)
    for (const [i, network] of networks.entries()) this.#add(network, owner, `allow[${i}]`)
  }

  /** Whether the client at `address` may ask; false for what is no IP address. A zone or an IPv4-mapped prefix doesn't matter. */
  allows(address: string): boolean {
    const known = this.#memo.get(address)
    if (known !== undefined) return known
    if (this.#memo.size >= MEMO) this.#memo.clear()
    const allowed = this.#look(address)
    this.#memo.set(address, allowed)
    return allowed
  }

  #look(address: string): boolean {
    const percent = address.indexOf('%')
    const plain = percent < 0 ? address : address.slice(0, percent)
    const family = isIP(plain)
    // BlockList holds an IPv4-mapped address against the IPv4 networks by itself.
    return family !== 0 && this.#networks.check(plain, family === 4 ? 'ipv4' : 'ipv6')
  }

  #add(network: unknown, owner: string, name: string): void {
    const text = typeof network === 'string' ? network : reject(owner, name, network, ALLOWED)
    const slash = text.indexOf('/')
    const base = slash < 0 ? text : text.slice(0, slash)
    if (isIP(base) === 0 || base.includes('%')) reject(owner, name, network, ALLOWED)
    if (/^::ffff:/i.test(base)) reject(owner, name, network, `${ALLOWED}; write an IPv4-mapped address as IPv4`)
    const bits = isIPv4(base) ? 32 : 128
    const digits = slash < 0 ? String(bits) : text.slice(slash + 1)
    const prefix = /^\d{1,3}$/.test(digits) ? Number(digits) : Infinity
    if (prefix > bits) reject(owner, name, network, `${ALLOWED}; an IPv${bits === 32 ? 4 : 6} prefix is 0 to ${bits}`)
    this.#networks.addSubnet(base, prefix, bits === 32 ? 'ipv4' : 'ipv6')
  }
}
