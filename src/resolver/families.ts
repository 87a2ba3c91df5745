import { addressesOf, readInterfaces, type Interfaces } from '../base/interfaces.js'

/** How long what the system says is remembered, in ms: asking costs some tens of microseconds. */
const REMEMBERED = 5000

/** Which families this machine has addresses in, beside loopback. `now` is clock time, in ms. */
export class Families {
  readonly #interfaces: () => Interfaces | null
  #askedAt = -Infinity
  #has4 = false
  #has6 = false
  #isGlobal6 = false

  constructor(interfaces: () => Interfaces | null = readInterfaces) {
    this.#interfaces = interfaces
  }

  /** Whether names are worth asking for in `family`, as `dns.ADDRCONFIG` means it: both are where there is neither. */
  isConfigured(family: 4 | 6, now: number): boolean {
    this.#refresh(now)
    return family === 4 ? this.#has4 || !this.#has6 : this.#has6 || !this.#has4
  }

  /** Whether IPv6 comes first: there is an address that isn't link-local (RFC 6724, section 6, rules 1 and 6). */
  prefers6(now: number): boolean {
    this.#refresh(now)
    return this.#isGlobal6
  }

  #refresh(now: number): void {
    if (now - this.#askedAt < REMEMBERED) return
    this.#askedAt = now
    const interfaces = this.#interfaces()
    if (interfaces === null) return
    const outer = addressesOf(interfaces).filter(({ internal }) => !internal)
    this.#has4 = outer.some(({ family }) => family === 'IPv4')
    const outer6 = outer.filter(({ family }) => family === 'IPv6')
    this.#has6 = outer6.length > 0
    this.#isGlobal6 = outer6.some(({ address }) => !/^fe[89ab]/i.test(address))
  }
}
