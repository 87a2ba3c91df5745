import type { Buffer } from 'node:buffer'
import { HttpRequest } from '../http/request.js'

/** Stands on a stream whose request nobody waits for any more: what comes is counted and dropped. */
export class AbandonedRequest extends HttpRequest {
  /** Takes over the stream of `request`. */
  constructor(request: HttpRequest) {
    super(request.head)
    this.begin(request.stream, request.window)
    this.taken = request.taken
    this.response = request.response
    this.received = request.received
  }

  override append(_octets: Buffer, from: number, to: number): void {
    this.received += to - from
  }

  override onResponse(): void {
    // Nobody waits.
  }

  override onFailure(): void {
    // Nobody waits.
  }
}
