import type { Clock, Timer } from '../base/clock.js'
import { readInterfaces, type Interfaces } from '../base/interfaces.js'
import { Elapsed } from './elapsed.js'

/** How often the clocks and the interfaces are looked at, in ms; a look costs 40 µs. */
const LOOK = 5000
/** A look that comes this much late, in ms, comes after a sleep, or a stall as bad as one. */
const JUMP = 5000

/** Told that the network may be another one: `sleep`, `interfaces`, or whatever {@link Epoch.changed} was given. */
export type EpochListener = (reason: string) => void

/**
 * Notices that this machine slept, or that its network is another one: what was learned of servers, and the
 * connections to them, belong to the epoch before. It looks only while somebody watches, and never holds the process.
 */
export class Epoch {
  static readonly #shared = new WeakMap<Clock, Epoch>()

  readonly #clock: Clock
  readonly #interfaces: () => Interfaces | null
  readonly #elapsed: Elapsed
  readonly #listeners = new Set<EpochListener>()
  #seen = ''
  #timer: Timer | null = null

  constructor(clock: Clock, interfaces: () => Interfaces | null = readInterfaces) {
    this.#clock = clock
    this.#interfaces = interfaces
    this.#elapsed = new Elapsed(clock)
  }

  /** The one that everybody on `clock` shares. */
  static of(clock: Clock): Epoch {
    let epoch = this.#shared.get(clock)
    if (epoch === undefined) this.#shared.set(clock, (epoch = new Epoch(clock)))
    return epoch
  }

  /** Tells `listener`, which must not throw, of each new epoch. @returns how to stop that */
  watch(listener: EpochListener): () => void {
    // Of its own, so that whoever watches twice also stops twice.
    const own: EpochListener = (reason) => listener(reason)
    this.#listeners.add(own)
    if (this.#timer === null) this.#settle()
    return () => {
      if (this.#listeners.delete(own) && this.#listeners.size === 0) this.#stop()
    }
  }

  /** Somebody knows that the network is another one, such as an application that was told of a resume: everybody is told. */
  changed(reason: string): void {
    // What the next look would find is what the caller told of.
    if (this.#timer !== null) this.#settle()
    for (const listener of [...this.#listeners]) listener(reason)
  }

  readonly #look = (): void => {
    if (this.#elapsed.ms - LOOK > JUMP) this.changed('sleep')
    else if (this.#read() !== this.#seen) this.changed('interfaces')
    else this.#wait()
  }

  /** Takes things as they are now for granted, and looks again in a while. */
  #settle(): void {
    this.#seen = this.#read()
    this.#wait()
  }

  #wait(): void {
    this.#stop()
    this.#elapsed.restart()
    this.#timer = this.#clock.setTimeout(this.#look, LOOK)
    this.#timer.unref?.()
  }

  #stop(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer)
    this.#timer = null
  }

  #read(): string {
    const interfaces = this.#interfaces()
    // Where nothing is known nothing changes.
    return interfaces === null ? this.#seen : describe(interfaces)
  }
}

/**
 * The interfaces as text that changes with them. Addresses of the loopback and those of one link alone (RFC 4291,
 * section 2.5.6) are left out: they come and go with each container that is started, and no server is reached by them.
 */
function describe(interfaces: Interfaces): string {
  return Object.entries(interfaces)
    .flatMap(([name, infos = []]) =>
      infos
        .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
        .map(({ cidr, address, mac }) => `${name} ${cidr ?? address} ${mac}`),
    )
    .sort()
    .join('\n')
}
