import type { Clock } from '../base/clock.js'
import { Alarm, Deadlines } from '../base/deadlines.js'

/** A key-value store, such as Keyv or a Map: what it returns may be a promise. */
export interface KeyValueStore {
  get(key: string): unknown
  /** `ttl` in ms. */
  set(key: string, value: string, ttl?: number): unknown
}

/** How long a query waits for the store, in ms. */
const BUDGET = 20
/** Reads and writes that may be under way, each; a store that hangs is left alone from there on. */
const MOST = 256
/** After so long, in ms, those that still are count as lost, and the store is tried again. */
const LOST = 10_000

/** Told what the store has under a key: undefined for nothing, an error or too late. Must not throw. */
export type Found = (value: unknown) => void

/** A store that others use too, and that may be slow, dead or wrong: no query waits long for it, none fails by it. */
export class SecondLevel {
  readonly #store: KeyValueStore
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #reads: Turnstile
  readonly #writes: Turnstile

  constructor(store: KeyValueStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.#deadlines = Deadlines.of(clock)
    this.#reads = new Turnstile(clock)
    this.#writes = new Turnstile(clock)
  }

  /** Calls `found` once, within 20 ms. */
  get(key: string, found: Found): void {
    const leave = this.#reads.enter()
    if (leave === null) return found(undefined)
    const read = new Read(found, this.#deadlines)
    this.#deadlines.set(read, this.#clock.now() + BUDGET)
    settle(
      () => this.#store.get(key),
      leave,
      (value) => read.end(value),
    )
  }

  /** Writes in the background; `ttl` in ms. Left out while too much is being written. */
  set(key: string, value: string, ttl: number): void {
    const leave = this.#writes.enter()
    if (leave !== null)
      settle(
        () => this.#store.set(key, value, ttl),
        leave,
        () => undefined,
      )
  }
}

/** Runs `act`, whatever it does: `leave` when it is over, and `done` with what came of it. */
function settle(act: () => unknown, leave: () => void, done: Found): void {
  const end = (value: unknown): void => {
    leave()
    done(value)
  }
  new Promise((resolve) => resolve(act())).then(end, () => end(undefined))
}

/** Lets so many in at once. */
class Turnstile {
  readonly #clock: Clock
  #inside = 0
  #era = 0
  #since = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @returns how to leave; null when there is no room */
  enter(): (() => void) | null {
    const now = this.#clock.now()
    if (this.#inside === 0) this.#since = now
    else if (this.#inside >= MOST) {
      if (now - this.#since < LOST) return null
      this.#inside = 0
      this.#since = now
      this.#era++
    }
    this.#inside++
    const era = this.#era
    return () => {
      if (era !== this.#era) return
      this.#inside--
      this.#since = this.#clock.now()
    }
  }
}

/** One query that waits for the store. */
class Read extends Alarm {
  readonly #found: Found
  readonly #deadlines: Deadlines
  #over = false

  constructor(found: Found, deadlines: Deadlines) {
    super()
    this.#found = found
    this.#deadlines = deadlines
  }

  end(value: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#deadlines.clear(this)
    this.#found(value)
  }

  override ring(): void {
    this.end(undefined)
  }
}
