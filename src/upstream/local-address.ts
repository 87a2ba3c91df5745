import { resolveSource, type Source } from '../address/source.js'
import type { Clock } from '../base/clock.js'
import { readInterfaces, type Interfaces } from '../base/interfaces.js'

/** How long an interface's address is used before it is looked at again, in ms: reading them all costs some 50 µs. */
const REREAD = 1000

/** The address that an upstream's sockets are bound to. An interface keeps its name when its address changes. */
export class LocalAddress {
  readonly #source: Source
  readonly #family: 4 | 6
  readonly #clock: Clock
  readonly #interfaces: () => Interfaces | null
  #address: string
  #readAt: number

  /** @throws {DnsError} ERR_DNS_CONNECT: no such interface, or no address of this family on it */
  constructor(source: Source, family: 4 | 6, clock: Clock, interfaces: () => Interfaces | null = readInterfaces) {
    this.#source = source
    this.#family = family
    this.#clock = clock
    this.#interfaces = interfaces
    this.#address = resolveSource(source, family, source.interface === null ? null : interfaces())
    this.#readAt = source.interface === null ? Infinity : clock.now()
  }

  /** The address as it is now. While there is none the last one stays, so that binding to it says what is wrong. */
  get current(): string {
    const now = this.#clock.now()
    if (now - this.#readAt >= REREAD) this.#read(now)
    return this.#address
  }

  #read(now: number): void {
    this.#readAt = now
    try {
      this.#address = resolveSource(this.#source, this.#family, this.#interfaces())
    } catch {
      return
    }
  }
}
