/** Queries of one upstream that may be on TCP at once because UDP lost them. */
const MAX_PLACES = 256
/** How long TCP doesn't stand in for UDP after it could not connect, in ms. */
const HOLD_OFF = 5000

/**
 * How many attempts may ask over TCP because UDP brought nothing. A server that is gone is gone over TCP as well, and
 * with thousands of queries out each would knock there too.
 */
export class TcpPlaces {
  #taken = 0
  #againAt = -Infinity

  /** `mustHave`: the reply was truncated, so only TCP has it. @returns whether there is a place */
  take(mustHave: boolean, now: number): boolean {
    if (!mustHave && (this.#taken >= MAX_PLACES || now < this.#againAt)) return false
    this.#taken++
    return true
  }

  /** `failed`: it could not connect, or the connection broke. */
  give(failed: boolean, now: number): void {
    this.#taken--
    if (failed) this.#againAt = now + HOLD_OFF
  }
}
