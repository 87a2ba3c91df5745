/** Good replies after which a member has all of its share again. */
const REPLIES = 10
/** The part of its share that it begins with. */
const FIRST_SHARE = 0.1

/** The way of one member back from down to its whole share of the queries: a server that has just started is slow at first. */
export class Recovery {
  #missing = 0

  /** What part of its share it is to get, from 0.1 to 1. */
  get share(): number {
    return 1 - ((1 - FIRST_SHARE) * this.#missing) / REPLIES
  }

  /** It is back. */
  begin(): void {
    this.#missing = REPLIES
  }

  /** A good reply to a query came. */
  reply(): void {
    if (this.#missing > 0) this.#missing--
  }
}
