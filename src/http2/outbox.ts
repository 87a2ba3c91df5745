import { Buffer } from 'node:buffer'
import { NO_DYNAMIC_TABLE } from '../http/hpack.js'
import { ConnectionFault } from './error.js'
import type { FrameWriter } from './frame-writer.js'
import { DEFAULT_WINDOW, FLAG, FRAME, MAX_31 } from './frames.js'
import { Line } from '../http/line.js'
import type { PeerSettings } from './peer-settings.js'
import type { HttpRequest } from '../http/request.js'

/** The sending half: requests that wait for a stream, bodies that wait for a window (RFC 9113, sections 5.1.2 and 6.9). */
export class Outbox {
  /** DATA frames that were sent so far. */
  dataFrames = 0
  readonly waiting = new Line()
  /** Requests with a stream whose body is not all sent. */
  readonly #unfinished = new Set<HttpRequest>()
  readonly #out: FrameWriter
  readonly #peer: PeerSettings
  #window = DEFAULT_WINDOW
  #nextStream = 1

  constructor(out: FrameWriter, peer: PeerSettings) {
    this.#out = out
    this.#peer = peer
  }

  /** The stream that comes next; those from here on are idle (RFC 9113, section 5.1.1). */
  get nextStream(): number {
    return this.#nextStream
  }

  /** Whether no stream is left on this connection (RFC 9113, section 5.1.1). */
  get exhausted(): boolean {
    return this.#nextStream > MAX_31
  }

  /** Whether there is anything left to send. */
  get pending(): boolean {
    return this.waiting.size > 0 || this.#unfinished.size > 0
  }

  /** Opens the stream of the request that waits longest; null when none waits, or all that it could do is wait on. */
  open(): HttpRequest | null {
    if (this.exhausted) return null
    const request = this.waiting.first
    // Without a window it would only hold a stream, and no longer be safe to send elsewhere.
    if (request === null || (request.body !== null && request.body.length > 0 && this.#window <= 0)) return null
    this.waiting.delete(request)
    request.begin(this.#nextStream, this.#peer.initialWindow)
    this.#headers(request)
    this.#nextStream += 2
    if (!request.complete) this.#send(request)
    return request
  }

  /** Sends what the windows have room for by now. */
  resume(): void {
    for (const request of this.#unfinished) this.#send(request)
  }

  /** Forgets the body of a stream that has ended. */
  drop(request: HttpRequest): void {
    this.#unfinished.delete(request)
  }

  /** WINDOW_UPDATE of the connection. @throws {ConnectionFault} a window over 2^31 - 1 (RFC 9113, section 6.9.1) */
  widen(increment: number): void {
    this.#window += increment
    if (this.#window > MAX_31) throw new ConnectionFault('FLOW_CONTROL_ERROR', 'a window over 2^31 - 1')
  }

  /** The peer has changed the window that streams begin with by `delta` (RFC 9113, section 6.9.2). @throws {ConnectionFault} */
  shift(delta: number, streams: Iterable<HttpRequest>): void {
    for (const request of streams) {
      request.window += delta
      if (request.window > MAX_31) throw new ConnectionFault('FLOW_CONTROL_ERROR', 'a window over 2^31 - 1')
    }
  }

  /** HEADERS, and CONTINUATION where one frame is too small for the block. */
  #headers(request: HttpRequest): void {
    const { stream, body } = request
    const block = this.#blockOf(request)
    const size = this.#peer.maxFrameSize
    const end = body === null || body.length === 0 ? FLAG.END_STREAM : 0
    const whole = block.length <= size
    this.#out.frame(
      FRAME.HEADERS,
      end | (whole ? FLAG.END_HEADERS : 0),
      stream,
      whole ? block : block.subarray(0, size),
    )
    for (let at = size; at < block.length; at += size) {
      const last = at + size >= block.length
      this.#out.frame(FRAME.CONTINUATION, last ? FLAG.END_HEADERS : 0, stream, block.subarray(at, at + size))
    }
  }

  #blockOf({ head, path, body }: HttpRequest): Buffer {
    const block = head.block(path, body)
    // Said once, it stands whatever size the peer allows later (RFC 7541, section 4.2).
    return this.#nextStream === 1 ? Buffer.concat([Buffer.from([NO_DYNAMIC_TABLE]), block]) : block
  }

  #send(request: HttpRequest): void {
    const body = request.body!
    while (request.sent < body.length) {
      const room = Math.min(this.#window, request.window, this.#peer.maxFrameSize, body.length - request.sent)
      if (room <= 0) return void this.#unfinished.add(request)
      const from = request.sent
      this.dataFrames++
      request.sent += room
      request.window -= room
      this.#window -= room
      const last = request.sent === body.length
      const part = last && from === 0 ? body : body.subarray(from, request.sent)
      this.#out.frame(FRAME.DATA, last ? FLAG.END_STREAM : 0, request.stream, part)
    }
    this.#unfinished.delete(request)
  }
}
