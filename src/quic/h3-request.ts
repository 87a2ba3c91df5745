import { Buffer } from 'node:buffer'
import type { Field } from '../http/field.js'
import { encodeQpack, QPACK } from '../http/qpack.js'
import type { ReceivedRequest, RequestEnd } from '../http/received-request.js'
import { H3_CODES, H3Fault, type H3Code } from './h3-error.js'
import { FRAME, frameOf } from './h3-frames.js'
import { H3Message, type MessageOwner } from './h3-message.js'
import { MAX_SECTION, type SectionDecoder } from './h3-sections.js'
import type { QuicStream } from './types.js'

/** Octets of a request that may still come, and are not looked at, once it was answered. */
const MAX_UNREAD = 65_536

/** Whom a request tells of the rest of it. None may throw. */
export interface RequestHandler {
  /** Octets of its content, the handler's to keep. */
  onBody(octets: Buffer): void
  /** All of it came. */
  onEnd(): void
  /** Nothing can be answered any more, or all was. Called once. */
  onGone(end: RequestEnd): void
}

/** What an {@link H3Request} needs from its session. */
export interface RequestOwner extends MessageOwner {
  readonly decoder: SectionDecoder<ReceivedRequest>
  /** Its head came. @returns who is told of the rest */
  onRequest(request: H3Request, head: ReceivedRequest): RequestHandler
  /** It was answered. */
  onAnswered(): void
  /** It is over. `unheard`: the client reset it, or broke its form, before its head had come */
  remove(request: H3Request, unheard: boolean): void
}

/** The server's side of one request: takes it, and sends the response (RFC 9114, section 4.1). */
export class H3Request extends H3Message {
  readonly #stream: QuicStream
  readonly #owner: RequestOwner
  #handler: RequestHandler | null = null
  #length = -1
  #received = 0
  #unread = 0
  #answered = false
  #isComplete = false
  #gone = false

  constructor(stream: QuicStream, owner: RequestOwner) {
    super(owner)
    this.#stream = stream
    this.#owner = owner
  }

  /** Number of its stream. */
  get id(): number {
    return this.#stream.id
  }

  /** Whether nothing can be answered any more. */
  get gone(): boolean {
    return this.#gone
  }

  /** Sends the whole response. The rest of the request is no longer wanted. */
  respond(status: number, fields: readonly Field[], body: Buffer | null): void {
    if (this.#gone || this.#answered) return
    this.#answered = true
    const section = Buffer.concat([QPACK.prefix, encodeQpack([[':status', String(status)], ...fields])])
    const head = frameOf(FRAME.HEADERS, section)
    this.#stream.write(body === null ? head : Buffer.concat([head, frameOf(FRAME.DATA, body)]), true)
    this.#owner.onAnswered()
    this.end()
    if (this.#isComplete) this.#leave('done')
  }

  /** Gives it up, with what was answered and not sent yet. */
  cancel(): void {
    if (!this.#gone) this.#abort('H3_REQUEST_CANCELLED', 'done')
  }

  override onData(octets: Buffer, fin: boolean): void {
    const isRest = this.#answered
    if (!isRest) super.onData(octets, fin)
    if (!this.#answered) return
    // It may have been answered by what came just now, the end among it.
    if (fin) return this.#leave('done')
    if (!isRest) return
    // There is no way to have the client stop that would not take the response back as well.
    this.#unread += octets.length
    if (this.#unread > MAX_UNREAD) this.#abort('H3_NO_ERROR', 'rough')
  }

  onReset(): void {
    if (!this.#answered) this.#stream.cancel(H3_CODES.H3_REQUEST_CANCELLED)
    this.#leave(this.#answered ? 'done' : 'cancelled')
  }

  onStopped(): void {
    this.#abort('H3_REQUEST_CANCELLED', 'cancelled')
  }

  onLost(): void {
    this.#leave('done')
  }

  protected override onSection(length: number): boolean {
    if (length <= MAX_SECTION) return true
    this.#abort('H3_EXCESSIVE_LOAD', 'rough')
    return false
  }

  protected override onHead(octets: Buffer): boolean {
    const head = this.#owner.decoder.decode(octets)
    if (head.oversized) this.#abort('H3_EXCESSIVE_LOAD', 'rough')
    else if (head.faultAsHead() !== null) this.#abort('H3_MESSAGE_ERROR', 'rough')
    else {
      this.#length = head.contentLength
      this.#handler = this.#owner.onRequest(this, head)
    }
    return true
  }

  protected override onMore(size: number): boolean {
    if (this.#length < 0 || size <= this.#length) return true
    this.#abort('H3_MESSAGE_ERROR', 'rough')
    return false
  }

  protected override onBody(octets: Buffer): void {
    this.#received += octets.length
    // A view would keep all alive that came with it.
    this.#handler?.onBody(Buffer.from(octets))
  }

  protected override onTrailers(octets: Buffer): void {
    const trailers = this.#owner.decoder.decode(octets)
    if (trailers.oversized) this.#abort('H3_EXCESSIVE_LOAD', 'rough')
    else if (trailers.faultAsTrailers() !== null) this.#abort('H3_MESSAGE_ERROR', 'rough')
  }

  protected override onPush(): never {
    throw new H3Fault('H3_FRAME_UNEXPECTED', 'a push of a client')
  }

  protected override onEnd(complete: boolean): void {
    if (!complete) return this.#abort('H3_REQUEST_INCOMPLETE', 'rough')
    if (this.#length >= 0 && this.#length !== this.#received) return this.#abort('H3_MESSAGE_ERROR', 'rough')
    this.#isComplete = true
    if (this.#answered) this.#leave('done')
    else this.#handler?.onEnd()
  }

  #abort(code: H3Code, end: RequestEnd): void {
    this.#stream.cancel(H3_CODES[code])
    this.#leave(end)
  }

  #leave(end: RequestEnd): void {
    if (this.#gone) return
    this.#gone = true
    this.end()
    this.#owner.remove(this, end !== 'done' && this.#handler === null)
    this.#handler?.onGone(end)
  }
}
