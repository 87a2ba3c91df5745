import { Buffer } from 'node:buffer'
import { MAX_HEADER_LIST } from '../http/header-section.js'
import type { HttpRequest, Loss } from '../http/request.js'
import type { ResponseHead } from '../http/response-head.js'
import { H3_CODES, H3Error, H3Fault, h3Code, type H3Code } from './h3-error.js'
import { FRAME } from './h3-frames.js'
import { H3Message, type MessageOwner } from './h3-message.js'
import { MAX_SECTION, type SectionDecoder } from './h3-sections.js'
import type { QuicStream } from './types.js'
import { varintSize, writeVarint } from './varint.js'

const NOTHING = Buffer.alloc(0)
const WRONG_LENGTH = 'content of another length than content-length says'

/** What a {@link H3Response} needs from its session. */
export interface ResponseOwner extends MessageOwner {
  readonly name: string
  /** The largest body of a response, in octets. */
  readonly maxBody: number
  readonly decoder: SectionDecoder<ResponseHead>
  /** The peer will not act on a request, and has not looked at it. */
  onRejected(error: H3Error): void
  /** It has ended, and its request is about to be told. */
  remove(response: H3Response): void
  /** Its request was told. */
  onSettled(): void
}

/** The client's side of one request: sends it, and takes the response (RFC 9114, section 4.1). */
export class H3Response extends H3Message {
  readonly request: HttpRequest
  readonly #owner: ResponseOwner
  #quic: QuicStream | null = null

  constructor(request: HttpRequest, owner: ResponseOwner) {
    super(owner)
    this.request = request
    this.#owner = owner
  }

  /** Number of its stream. */
  get id(): number {
    return this.#quic!.id
  }

  /** Sends the request on `stream`. */
  begin(stream: QuicStream): void {
    this.#quic = stream
    this.request.begin(stream.id, 0)
    stream.write(written(this.request), true)
  }

  /** Nobody wants the response. */
  cancel(): void {
    this.end()
    this.#quic!.cancel(H3_CODES.H3_REQUEST_CANCELLED)
  }

  onReset(number: number): void {
    const code = h3Code(number)
    const { name } = this.#owner
    const error = new H3Error(name, `${name} reset a stream: ${code}`, code)
    if (code !== 'H3_REQUEST_REJECTED') return this.#fail(error, 'lost')
    this.#owner.onRejected(error)
    this.#fail(error, 'unprocessed')
  }

  /** Whatever the peer doesn't read, it may answer (RFC 9114, section 4.1). */
  onStopped(): void {}

  /** The session tells all of them. */
  onLost(): void {}

  protected override onSection(length: number): boolean {
    if (length <= MAX_SECTION) return true
    this.#oversized()
    return false
  }

  protected override onHead(octets: Buffer): boolean {
    const head = this.#owner.decoder.decode(octets)
    if (head.oversized) return this.#oversized()
    const fault = head.faultAsHead()
    if (fault !== null) return this.#malformed(fault)
    if (head.status === 101) return this.#malformed('status 101 as a response')
    if (head.status < 200) this.#owner.onChatter()
    else this.request.response = head
    return head.status >= 200
  }

  protected override onMore(size: number): boolean {
    const { status, contentLength } = this.request.response!
    if (size > this.#owner.maxBody) {
      this.#abort('H3_REQUEST_CANCELLED', `a body over ${this.#owner.maxBody} octets`)
      return false
    }
    // A 304 says how long its content would be (RFC 9110, section 15.4.5).
    if (contentLength < 0 || size <= contentLength || status === 304) return true
    return this.#malformed(WRONG_LENGTH)
  }

  protected override onBody(octets: Buffer): void {
    const { request } = this
    if (request.received > 0) return request.append(octets, 0, octets.length, this.#owner.maxBody)
    request.content = octets
    request.received = octets.length
  }

  protected override onTrailers(octets: Buffer): void {
    const trailers = this.#owner.decoder.decode(octets)
    if (trailers.oversized) this.#oversized()
    else {
      const fault = trailers.faultAsTrailers()
      if (fault !== null) this.#malformed(fault)
    }
  }

  protected override onPush(): never {
    // RFC 9114, section 4.6: no MAX_PUSH_ID was sent.
    throw new H3Fault('H3_ID_ERROR', 'a push, which we do not allow')
  }

  protected override onEnd(complete: boolean): void {
    const { request } = this
    const { response, content, received } = request
    if (!complete || response === null) return void this.#malformed('no header')
    if (response.contentLength >= 0 && response.contentLength !== received && response.status !== 304)
      return void this.#malformed(WRONG_LENGTH)
    this.end()
    this.#owner.remove(this)
    request.content = NOTHING
    request.onResponse(response.status, response, content.length === received ? content : content.subarray(0, received))
    this.#owner.onSettled()
  }

  #oversized(): false {
    return this.#abort('H3_EXCESSIVE_LOAD', `a header section over ${MAX_HEADER_LIST} octets`)
  }

  /** RFC 9114, section 4.1.2. */
  #malformed(what: string): false {
    return this.#abort('H3_MESSAGE_ERROR', `a malformed response: ${what}`)
  }

  /** An error of the stream alone (RFC 9114, section 8). */
  #abort(code: H3Code, what: string): false {
    this.#quic!.cancel(H3_CODES[code])
    const { name } = this.#owner
    this.#fail(new H3Error(name, `${name} sent ${what}`, code), 'malformed')
    return false
  }

  #fail(error: H3Error, loss: Loss): void {
    this.end()
    this.#owner.remove(this)
    this.request.onFailure(error, loss)
    this.#owner.onSettled()
  }
}

/** HEADERS, and DATA where there is content. */
function written({ head, path, body }: HttpRequest): Buffer {
  const block = head.block(path, body)
  const content = body === null ? 0 : body.length
  const size = 1 + varintSize(block.length) + block.length + (content === 0 ? 0 : 1 + varintSize(content) + content)
  const octets = Buffer.allocUnsafe(size)
  octets[0] = FRAME.HEADERS
  let at = writeVarint(octets, 1, block.length)
  block.copy(octets, at)
  if (content === 0) return octets
  octets[(at += block.length)] = FRAME.DATA
  at = writeVarint(octets, at + 1, content)
  octets.set(body!, at)
  return octets
}
