import type { HttpError } from '../http/error.js'
import type { RequestHead } from '../http/request-head.js'
import { HttpRequest, type Loss } from '../http/request.js'
import type { ResponseHead } from '../http/response-head.js'
import type { Channel, Pending } from './pending.js'

/** What carries a {@link DohRequest}. */
export interface DohCarrier {
  /** Nobody wants the response any more. */
  cancel(request: DohRequest): void
  onResponse(request: DohRequest, status: number, headers: ResponseHead, body: Buffer): void
  onLost(request: DohRequest, error: HttpError, loss: Loss): void
}

/**
 * One query as an HTTP request. It is the channel of its {@link Pending} as well, so that neither has to be looked up by
 * the other, and a retry is the same object on another connection.
 */
export class DohRequest extends HttpRequest implements Channel {
  readonly pending: Pending
  /** Where it is now, or null. */
  carrier: DohCarrier | null = null

  constructor(head: RequestHead, body: Buffer | null, path: string | null, pending: Pending) {
    super(head, body, path)
    this.pending = pending
    // RFC 8484, section 4.1: the same for all, for the sake of caches.
    pending.id = 0
  }

  drop(pending: Pending): boolean {
    if (pending.channel !== this) return false
    pending.channel = null
    this.carrier?.cancel(this)
    return true
  }

  override onResponse(status: number, headers: ResponseHead, body: Buffer): void {
    this.carrier?.onResponse(this, status, headers, body)
  }

  override onFailure(error: HttpError, loss: Loss): void {
    this.carrier?.onLost(this, error, loss)
  }
}
