import type { Clock, Timer } from '../base/clock.js'
import type { QuicConnection } from './types.js'

/** How many round trips a peer is given to grant a stream while it has none to work on, and the least, in ms. */
const TRIPS = 3
const LEAST = 50

/**
 * Finds out that a peer grants no more streams although it has nothing left to do: its connection is used up. A peer that would
 * grant more once it knows that its last reply has come is told so at once: acknowledgements take their time otherwise (RFC 9000,
 * section 13.2.1).
 */
export class Starvation {
  readonly #clock: Clock
  readonly #onStarved: () => void
  #timer: Timer | null = null

  constructor(clock: Clock, onStarved: () => void) {
    this.#clock = clock
    this.#onStarved = onStarved
  }

  /** Something changed: on which connection somebody waits for a stream while none is open, or null. */
  look(connection: Pick<QuicConnection, 'rtt' | 'ping'> | null): void {
    if (connection === null) return this.stop()
    if (this.#timer !== null) return
    connection.ping()
    this.#timer = this.#clock.setTimeout(
      () => {
        this.#timer = null
        this.#onStarved()
      },
      Math.max(LEAST, TRIPS * connection.rtt),
    )
    this.#timer.unref?.()
  }

  stop(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer)
    this.#timer = null
  }
}
