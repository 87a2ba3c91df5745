import type { Http2Request } from './request.js'

/**
 * Requests that wait, the first to come in front. The links are in the requests, and gone once they leave: a `Set` from
 * which one goes with each query leaves dead tables behind that keep requests alive (see base/int-table.ts).
 */
export class Line {
  #first: Http2Request | null = null
  #last: Http2Request | null = null
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The one that waits longest, or null. */
  get first(): Http2Request | null {
    return this.#first
  }

  /** Puts `request`, which stands in no line, at the end. */
  add(request: Http2Request): void {
    request.line = this
    request.before = this.#last
    if (this.#last === null) this.#first = request
    else this.#last.behind = request
    this.#last = request
    this.#size++
  }

  /** @returns whether it was here */
  delete(request: Http2Request): boolean {
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
  takeAll(): Http2Request[] {
    const taken: Http2Request[] = []
    for (let request = this.#first; request !== null; request = this.#first) {
      this.delete(request)
      taken.push(request)
    }
    return taken
  }
}
