/** How often one query may be sent to the server, whatever became of the others (RFC 9520, section 3.1). */
const BY_RIGHT = 3
/** What each reply earns, and the most that is kept. */
const EARNED = 1 / 16
const MOST = 100

/**
 * How often a query may be sent again when its stream or connection ends. A server that answers most others is no
 * unresponsive one: a query that is hit by several ends in a row is sent once more for every 16 replies. One that answers
 * little gets each query three times.
 */
export class SendBudget {
  #saved = 0

  /** A reply came. */
  earn(): void {
    if (this.#saved < MOST) this.#saved += EARNED
  }

  /** Whether a query that was sent `sends` times may be sent again; beyond its right that is paid for. */
  allows(sends: number): boolean {
    if (sends < BY_RIGHT) return true
    if (this.#saved < 1) return false
    this.#saved--
    return true
  }
}
