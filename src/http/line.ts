import type { HttpRequest } from './request.js'

/**
 * Requests that wait, the first to come in front. The links are in the requests, and gone once they leave: a `Set` from
 * which one goes with each query leaves dead tables behind that keep requests alive (see base/int-table.ts).
 */
export class Line {
  #first: HttpRequest | null = null
  #last: HttpRequest | null = null
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The one that waits longest, or null. */
  get first(): HttpRequest | null {
    return this.#first
  }

  /** Puts `request`, which stands in no line, at the end. */
  add(request: HttpRequest): void {
    request.line = this
    request.before = this.#last
    if (this.#last === null) this.#first = request
    else this.#last.behind = request
    this.#last = request
    this.#size++
  }

  /** @returns whether it was here */
  delete(request: HttpRequest): boolean {
    if (request.line !== this) return false
    const { before, behind } = request
    if (before === null) this.#first = behind
    else before.behind = behind
    if (behind === null) this.#last = before
    else behind.before = before
    request.line = request.before = request.behind = null
    this.#size--
    return true
  }

  /** Empties the line. @returns who stood in it */
  takeAll(): HttpRequest[] {
    const taken: HttpRequest[] = []
    for (let request = this.#first; request !== null; request = this.#first) {
      this.delete(request)
      taken.push(request)
    }
    return taken
  }
}
