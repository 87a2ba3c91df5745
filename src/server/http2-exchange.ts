import { constants, type ServerHttp2Stream } from 'node:http2'
import type { Field } from '../http/field.js'
import type { RequestEnd } from '../http/received-request.js'
import type { HttpExchange, HttpExchangeHandler } from './http-exchange.js'

const { NGHTTP2_CANCEL, NGHTTP2_NO_ERROR } = constants

/** A request over HTTP/2. */
export class Http2Exchange implements HttpExchange {
  readonly #stream: ServerHttp2Stream
  readonly #later: (fn: () => void) => void
  /** Whether more of the request is to come. */
  #isSending: boolean

  /** @param later calls its argument in a later turn of the loop */
  constructor(stream: ServerHttp2Stream, later: (fn: () => void) => void) {
    this.#stream = stream
    this.#later = later
    this.#isSending = !stream.endAfterHeaders
    stream.on('error', () => undefined) // 'close' follows
  }

  /** Tells `handler` from now on. */
  tell(handler: HttpExchangeHandler): void {
    this.#stream.on('data', (chunk: Buffer) => handler.onBody(chunk))
    this.#stream.on('end', () => {
      this.#isSending = false
      handler.onEnd()
    })
    this.#stream.on('close', () => handler.onGone(endBy(this.#stream.rstCode)))
  }

  get gone(): boolean {
    return this.#stream.destroyed || this.#stream.closed
  }

  respond(status: number, fields: readonly Field[], body: Buffer | null): void {
    this.#stream.respond({ ':status': status, ...Object.fromEntries(fields) }, { endStream: body === null })
    if (body !== null) this.#stream.end(body)
    // RFC 9113, section 8.1. From Node 22 on a reset in the same turn overtakes the reply, and the client never sees it.
    if (this.#isSending) this.#later(() => this.#stream.close(NGHTTP2_NO_ERROR))
  }

  cancel(): void {
    this.#stream.close(NGHTTP2_CANCEL)
  }
}

function endBy(code: number | undefined): RequestEnd {
  if (code === NGHTTP2_CANCEL) return 'cancelled'
  return code === NGHTTP2_NO_ERROR ? 'done' : 'rough'
}
