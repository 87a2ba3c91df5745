import { Buffer } from 'node:buffer'
import { IntTable } from '../base/int-table.js'
import { MAX_HEADER_LIST } from '../http/header-section.js'
import type { ResponseHead } from '../http/response-head.js'
import { ConnectionFault, Http2Error, type Http2Code } from './error.js'
import type { FrameWriter } from './frame-writer.js'
import { type Frame, FLAG } from './frames.js'
import type { HeadDecoder } from './head-decoder.js'
import { type HeaderBlock, type Span, unpad } from './header-block.js'
import type { Outbox } from './outbox.js'
import { AbandonedRequest } from './abandoned-request.js'
import type { HttpRequest } from '../http/request.js'

/** What the peer may send on one stream, and on all of them, before it hears from us; in octets. */
export const STREAM_WINDOW = 131_072
export const SESSION_WINDOW = 1_048_576
/** Streams that we have reset whose late frames are told from those of streams that ended. */
const MAX_FORGIVEN = 1024

/** What {@link Streams} needs from its session. */
export interface StreamsOwner {
  readonly name: string
  /** The largest body of a response, in octets. */
  readonly maxBody: number
  /** A frame came that brings no response nearer. @throws {ConnectionFault} too many did */
  onChatter(): void
  /** @returns whether a request that was refused will be sent again, instead of being told */
  sendAgain(request: HttpRequest): boolean
  /** A stream has ended, and its request was told. */
  onSettled(): void
}

/** The open streams and what comes on them (RFC 9113, sections 5.1 and 8.1). */
export class Streams {
  readonly open = new IntTable<HttpRequest>()
  readonly #abandoned = new Set<HttpRequest>()
  /** Streams that we reset while the peer could still be sending; of those up to the number below, any that ended. */
  readonly #forgiven = new Set<number>()
  #forgivenUpTo = 0
  #taken = 0
  readonly #span: Span = { start: 0, end: 0 }
  readonly #out: FrameWriter
  readonly #outbox: Outbox
  readonly #decoder: HeadDecoder
  readonly #owner: StreamsOwner

  constructor(out: FrameWriter, outbox: Outbox, decoder: HeadDecoder, owner: StreamsOwner) {
    this.#out = out
    this.#outbox = outbox
    this.#decoder = decoder
    this.#owner = owner
  }

  /** Streams that somebody waits for. */
  get awaited(): number {
    return this.open.size - this.#abandoned.size
  }

  /**
   * Nobody waits for `request` any more. Its stream stays until the peer ends it or {@link evict} needs its place: a
   * response costs less than a reset, of which servers take only so many.
   */
  abandon(request: HttpRequest): void {
    if (!request.complete) return this.#reset(request, 'CANCEL')
    const abandoned = new AbandonedRequest(request)
    this.open.set(request.stream, abandoned)
    this.#abandoned.add(abandoned)
  }

  /** Resets the stream that was abandoned longest ago. @returns whether there was one */
  evict(): boolean {
    for (const request of this.#abandoned) {
      this.#reset(request, 'CANCEL')
      return true
    }
    return false
  }

  /** Takes the streams above `last` off without a word: the peer will not act on them (RFC 9113, section 6.8). */
  takeAbove(last: number): HttpRequest[] {
    const taken = this.#inTurn().filter(({ stream }) => stream > last)
    for (const request of taken) {
      this.#forgive(request.stream)
      this.#remove(request)
    }
    return taken
  }

  /** Takes all streams off: the connection is gone. */
  takeAll(): HttpRequest[] {
    const taken = this.#inTurn()
    this.open.clear()
    this.#abandoned.clear()
    return taken
  }

  #inTurn(): HttpRequest[] {
    return [...this.open.values()].sort((a, b) => a.stream - b.stream)
  }

  /** A whole header block on `stream`. @throws {ConnectionFault} */
  onHeaders(stream: number, block: HeaderBlock): void {
    // Before all else: the blocks to come may depend on it.
    const head = this.#decoder.decode(block)
    const request = this.#receiving(stream, block.endStream)
    if (request === null) return
    const tooLarge = `a header section over ${MAX_HEADER_LIST} octets`
    if (head.oversized) this.#abort(request, 'ENHANCE_YOUR_CALM', tooLarge)
    else if (request.response === null) this.#onHead(request, head, block.endStream)
    else this.#onTrailers(request, head, block.endStream)
  }

  /** DATA. @throws {ConnectionFault} */
  onData(frame: Frame): void {
    const { flags, start, end } = frame
    const span = this.#span
    const endStream = (flags & FLAG.END_STREAM) !== 0
    unpad(frame, span)
    // Renewed at half, none of the windows can be overrun by a frame of the size that we allow.
    this.#taken = this.#renew(0, this.#taken + end - start, SESSION_WINDOW)
    if (span.start === span.end && !endStream) this.#owner.onChatter()
    const request = this.#receiving(frame.stream, endStream)
    if (request === null) return
    const fault = this.#take(request, frame, span, endStream)
    if (fault !== null) return fault === TOO_LARGE ? this.#tooLarge(request) : this.#malformed(request, fault)
    if (endStream) this.#finish(request)
    else request.taken = this.#renew(request.stream, request.taken + end - start, STREAM_WINDOW)
  }

  /** RST_STREAM (RFC 9113, section 6.4). @throws {ConnectionFault} */
  onReset(stream: number, code: Http2Code): void {
    const request = this.find(stream)
    if (request === null) {
      this.#forgiven.delete(stream)
      return this.#owner.onChatter()
    }
    this.#remove(request)
    const refused = code === 'REFUSED_STREAM'
    if (refused && this.#owner.sendAgain(request)) return
    const { name } = this.#owner
    const error = new Http2Error(name, `${name} reset a stream: ${code}`, code)
    request.onFailure(error, refused ? 'unprocessed' : 'lost')
    this.#owner.onSettled()
  }

  /** WINDOW_UPDATE on a stream (RFC 9113, section 6.9). @throws {ConnectionFault} */
  onWindowUpdate(stream: number, increment: number): void {
    const request = this.find(stream)
    if (request === null) return
    if (increment === 0) return this.#malformed(request, 'a window update of 0')
    request.window += increment
    if (request.window > 0x7fff_ffff) this.#abort(request, 'FLOW_CONTROL_ERROR', 'a window over 2^31 - 1')
  }

  /** The request on `stream`, or null when that has ended. @throws {ConnectionFault} it was never open (RFC 9113, section 5.1) */
  find(stream: number): HttpRequest | null {
    const request = this.open.get(stream)
    if (request !== undefined) return request
    if (stream % 2 === 0 || stream >= this.#outbox.nextStream)
      throw new ConnectionFault('PROTOCOL_ERROR', `a frame on stream ${stream}, which is not open`)
    return null
  }

  /** As {@link find}; null only where the peer cannot know yet that we have reset the stream. */
  #receiving(stream: number, last: boolean): HttpRequest | null {
    const request = this.find(stream)
    if (request !== null) return request
    if (!this.#forgiven.has(stream) && stream > this.#forgivenUpTo)
      throw new ConnectionFault('STREAM_CLOSED', `a frame on stream ${stream} after its end`)
    if (last) this.#forgiven.delete(stream)
    this.#owner.onChatter()
    return null
  }

  #onHead(request: HttpRequest, head: ResponseHead, endStream: boolean): void {
    const fault = head.faultAsHead()
    if (fault !== null) return this.#malformed(request, fault)
    if (head.status >= 200) {
      request.response = head
      if (endStream) this.#finish(request)
    } else if (endStream || head.status === 101) {
      // RFC 9113, sections 8.1 and 8.6.
      this.#malformed(request, `status ${head.status} as a response`)
    } else this.#owner.onChatter()
  }

  #onTrailers(request: HttpRequest, head: ResponseHead, endStream: boolean): void {
    const fault = endStream ? head.faultAsTrailers() : 'a second header section'
    if (fault !== null) this.#malformed(request, fault)
    else this.#finish(request)
  }

  /** Adds content to the response. @returns what is wrong with it, or null */
  #take(request: HttpRequest, { octets }: Frame, { start, end }: Span, last: boolean): string | null {
    const { response } = request
    if (response === null) return 'content before any header'
    const size = request.received + end - start
    if (size > this.#owner.maxBody) return TOO_LARGE
    if (response.contentLength >= 0 && size > response.contentLength && response.status !== 304) return WRONG_LENGTH
    if (last && request.received === 0) {
      request.content = octets.subarray(start, end)
      request.received = size
    } else request.append(octets, start, end, this.#owner.maxBody)
    return null
  }

  #finish(request: HttpRequest): void {
    const { response, content, received } = request
    const { status, contentLength } = response!
    // RFC 9113, section 8.1.1: a 304 says how long its content would be.
    if (contentLength >= 0 && contentLength !== received && status !== 304)
      return this.#malformed(request, WRONG_LENGTH)
    this.#remove(request)
    // The peer needs no more of the body (RFC 9113, section 8.1).
    if (!request.complete) this.#out.reset(request.stream, 'CANCEL')
    request.content = NOTHING
    request.onResponse(status, response!, content.length === received ? content : content.subarray(0, received))
    this.#owner.onSettled()
  }

  #tooLarge(request: HttpRequest): void {
    this.#abort(request, 'CANCEL', `a body over ${this.#owner.maxBody} octets`)
  }

  /** RFC 9113, section 8.1.1. */
  #malformed(request: HttpRequest, what: string): void {
    this.#abort(request, 'PROTOCOL_ERROR', `a malformed response: ${what}`)
  }

  /** A stream error (RFC 9113, section 5.4.2). */
  #abort(request: HttpRequest, code: Http2Code, what: string): void {
    this.#reset(request, code)
    const { name } = this.#owner
    request.onFailure(new Http2Error(name, `${name} sent ${what}`, code), 'malformed')
    this.#owner.onSettled()
  }

  #reset(request: HttpRequest, code: Http2Code): void {
    this.#forgive(request.stream)
    this.#remove(request)
    this.#out.reset(request.stream, code)
  }

  #remove(request: HttpRequest): void {
    this.open.delete(request.stream)
    if (this.#abandoned.size > 0) this.#abandoned.delete(request)
    if (!request.complete) this.#outbox.drop(request)
  }

  #forgive(stream: number): void {
    this.#forgiven.add(stream)
    if (this.#forgiven.size <= MAX_FORGIVEN) return
    for (const oldest of this.#forgiven) {
      this.#forgiven.delete(oldest)
      this.#forgivenUpTo = Math.max(this.#forgivenUpTo, oldest)
      return
    }
  }

  /** Renews the window of `stream` once half of it is `taken`. @returns what is taken after that */
  #renew(stream: number, taken: number, window: number): number {
    if (2 * taken < window) return taken
    this.#out.windowUpdate(stream, taken)
    return 0
  }
}

const NOTHING = Buffer.alloc(0)
const TOO_LARGE = 'too large'
const WRONG_LENGTH = 'content of another length than content-length says'
