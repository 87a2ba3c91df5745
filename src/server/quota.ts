/** The queries that one connection may bring, and of those the streams that its client is granted at once. */
export class Quota {
  readonly #streams: number
  #taken = 0
  #granted: number

  /** @param streams what the client is granted at once, unless fewer than those are left of `most` */
  constructor(streams: number, most: number) {
    this.#streams = streams
    this.#granted = Math.min(streams, most)
  }

  /**
   * A query came, of `most` in all, which may be others than before. `grant` is told when another number of streams is to be granted from now on.
   *
   * @returns whether it was the last one
   */
  take(most: number, grant: (streams: number) => void): boolean {
    const left = Math.max(0, most - ++this.#taken)
    const granted = Math.min(this.#streams, left)
    if (granted !== this.#granted) grant((this.#granted = granted))
    return left === 0
  }
}
