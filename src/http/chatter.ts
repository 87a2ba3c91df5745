import type { Clock } from '../base/clock.js'

/** Frames that bring no response nearer, within so many ms, after which the peer is believed to mean harm. */
export const MAX_CHATTER = 1000
const CHATTER_SPAN = 10_000
/** What each response and each frame of a request's body makes up for: a peer may well send a few frames for it. */
const CREDIT = 4

/** Counts what a peer sends without need (RFC 9113, section 10.5; RFC 9114, section 10.5). */
export class Chatter {
  readonly #clock: Clock
  #count = 0
  #since: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#since = clock.now()
  }

  /** A frame that brings no response nearer. @returns whether there were too many */
  spend(): boolean {
    if (++this.#count < MAX_CHATTER) return false
    const now = this.#clock.now()
    if (now - this.#since < CHATTER_SPAN) return true
    this.#count = 0
    this.#since = now
    return false
  }

  /** So many responses came or frames of bodies were sent. What isn't used up is kept, within bounds. */
  credit(count: number): void {
    this.#count = Math.max(-MAX_CHATTER, this.#count - CREDIT * count)
  }
}
