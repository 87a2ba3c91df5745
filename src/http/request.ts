import { Buffer } from 'node:buffer'
import type { HttpError } from './error.js'
import type { Line } from './line.js'
import type { RequestHead } from './request-head.js'
import type { ResponseHead } from './response-head.js'

/** What a body of unknown length is first given, in octets. */
const FIRST_BODY = 512
const EMPTY = Buffer.alloc(0)

/**
 * Why a request has no response.
 *
 * | loss | meaning |
 * |---|---|
 * | `unsent` | it has waited in vain for its turn |
 * | `unprocessed` | the peer has certainly not acted on it, so that even one that isn't idempotent may be sent again (RFC 9113, section 8.7; RFC 9114, sections 4.1.1 and 5.2) |
 * | `lost` | its stream or the connection ended first |
 * | `malformed` | what came on its stream is no response; the connection goes on |
 */
export type Loss = 'unsent' | 'unprocessed' | 'lost' | 'malformed'

/**
 * One request and its response: what the caller asks, the state of its stream and the hands of whoever waits, in one
 * object, so that a request costs one allocation here.
 *
 * The session calls exactly one of {@link onResponse} and {@link onFailure}, once, unless the request was cancelled.
 * After `onFailure` it may be sent again, on this session or another; after a cancel it may not.
 */
export abstract class HttpRequest {
  readonly head: RequestHead
  /** Must not be modified until the request is settled. */
  readonly body: Uint8Array | null
  /** The path where it is another than the head's. */
  readonly path: string | null
  /** How often a stream was opened for it. */
  sends = 0
  /** @internal The line that it stands in, and its neighbours there. */ line: Line | null = null
  /** @internal */ before: HttpRequest | null = null
  /** @internal */ behind: HttpRequest | null = null
  /** @internal The stream, or 0 while there is none. */ stream = 0
  /** @internal Octets of the body that were sent. */ sent = 0
  /** @internal Octets that the peer lets us send on the stream; below 0 after it lowered its setting. */ window = 0
  /** @internal Octets of flow control that came since the peer's window was last renewed. */ taken = 0
  /** @internal */ response: ResponseHead | null = null
  /** @internal Octets of {@link content} that are written. */ received = 0
  /** @internal */ content: Buffer = EMPTY

  constructor(head: RequestHead, body: Uint8Array | null = null, path: string | null = null) {
    this.head = head
    this.body = body
    this.path = path
  }

  /**
   * The whole response came. `headers` is shared between responses that say the same. `body` may be a view on what was
   * read: copy what outlives many others. Must not throw.
   */
  abstract onResponse(status: number, headers: ResponseHead, body: Buffer): void
  /** There will be no response. Must not throw. */
  abstract onFailure(error: HttpError, loss: Loss): void

  /** @internal Whether all of it was sent. */
  get complete(): boolean {
    return this.body === null || this.sent === this.body.length
  }

  /** @internal Forgets an earlier stream. */
  begin(stream: number, window: number): void {
    this.sends++
    this.stream = stream
    this.window = window
    this.sent = this.taken = this.received = 0
    this.response = null
    this.content = EMPTY
  }

  /** @internal Appends to a body that comes in several frames; `limit` is the most that it may come to. */
  append(octets: Buffer, from: number, to: number, limit: number): void {
    const needed = this.received + to - from
    if (needed > this.content.length) {
      const size = Math.max(FIRST_BODY, 2 * needed)
      const larger = Buffer.allocUnsafe(Math.min(size, limit))
      this.content.copy(larger, 0, 0, this.received)
      this.content = larger
    }
    octets.copy(this.content, this.received, from, to)
    this.received = needed
  }
}
