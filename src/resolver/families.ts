import { networkInterfaces } from 'node:os'

/** How long what the system says is remembered, in ms: asking costs some tens of microseconds. */
const REMEMBERED = 5000

/** Which families this machine has addresses in, beside loopback. `now` is clock time, in ms. */
export class Families {
  #askedAt = -Infinity
  #has4 = false
  #has6 = false
  #isGlobal6 = false

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
    const own = Object.values(networkInterfaces()).flatMap((entries) => entries ?? [])
    const outer = own.filter(({ internal }) => !internal)
    this.#has4 = outer.some(({ family }) => family === 'IPv4')
    const outer6 = outer.filter(({ family }) => family === 'IPv6')
    this.#has6 = outer6.length > 0
    this.#isGlobal6 = outer6.some(({ address }) => !/^fe[89ab]/i.test(address))
  }
}
