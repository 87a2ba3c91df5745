import type { Buffer } from 'node:buffer'
import { guard } from './h3-channels.js'
import { H3Fault } from './h3-error.js'
import { H3FrameReader, type FrameSink } from './h3-frame-reader.js'
import { FRAME, isOfHttp2 } from './h3-frames.js'
import type { StreamHandler } from './types.js'

/** What a {@link H3Message} needs from its session. */
export interface MessageOwner {
  /** The peer broke a rule: the connection must end, with that code. */
  onFault(fault: H3Fault): void
  /** A frame came that brings the message no nearer. @throws {H3Fault} too many did */
  onChatter(): void
}

/**
 * A request or a response as it comes on its stream: frames in the order that RFC 9114, section 4.1, allows. What else comes
 * is an error of the whole connection.
 */
export abstract class H3Message implements StreamHandler, FrameSink {
  readonly #owner: MessageOwner
  readonly #reader = new H3FrameReader(this)
  #phase: 'head' | 'content' | 'trailers' = 'head'
  /** Octets of content that DATA frames have announced. */
  #announced = 0
  #over = false

  constructor(owner: MessageOwner) {
    this.#owner = owner
  }

  /** Tells nothing more of what comes. */
  end(): void {
    this.#over = true
    this.#reader.stop()
  }

  onData(octets: Buffer, fin: boolean): void {
    if (this.#over) return
    guard(this.#owner, () => {
      this.#reader.push(octets)
      if (!fin || this.#over) return
      // RFC 9114, section 7.1.
      if (this.#reader.midway) throw new H3Fault('H3_FRAME_ERROR', 'a stream that ends within a frame')
      this.onEnd(this.#phase !== 'head')
    })
  }

  abstract onReset(code: number): void
  abstract onStopped(code: number): void
  abstract onLost(): void

  onFrame(type: number, length: number): 'whole' | 'parts' | 'none' {
    switch (type) {
      case FRAME.HEADERS:
        if (this.#phase === 'trailers') throw unexpected(type)
        return this.onSection(length) ? 'whole' : 'none'
      case FRAME.DATA:
        if (this.#phase !== 'content') throw unexpected(type)
        return this.#onContent(length) ? 'parts' : 'none'
      case FRAME.PUSH_PROMISE:
        return this.onPush()
      case FRAME.SETTINGS:
      case FRAME.GOAWAY:
      case FRAME.CANCEL_PUSH:
      case FRAME.MAX_PUSH_ID:
        throw unexpected(type)
      default:
        if (isOfHttp2(type)) throw unexpected(type)
        this.#owner.onChatter()
        return 'none'
    }
  }

  onPayload(_type: number, payload: Buffer): void {
    if (this.#phase === 'head') {
      if (this.onHead(payload)) this.#phase = 'content'
    } else {
      this.#phase = 'trailers'
      this.onTrailers(payload)
    }
  }

  onPart(octets: Buffer): void {
    this.onBody(octets)
  }

  /** A header section of `length` octets begins. @returns whether it is wanted */
  protected abstract onSection(length: number): boolean
  /** The head, or one before it (RFC 9110, section 15.2). @returns whether it is the head */
  protected abstract onHead(octets: Buffer): boolean
  /** More content is on its way; in all there are `size` octets. @returns whether it is wanted */
  protected abstract onMore(size: number): boolean
  protected abstract onBody(octets: Buffer): void
  protected abstract onTrailers(octets: Buffer): void
  /** PUSH_PROMISE. @throws {H3Fault} */
  protected abstract onPush(): never
  /** The stream has ended well. `complete`: a head came. */
  protected abstract onEnd(complete: boolean): void

  #onContent(length: number): boolean {
    if (length === 0) this.#owner.onChatter()
    this.#announced += length
    return this.onMore(this.#announced)
  }
}

/** A frame that has no place there. */
function unexpected(type: number): H3Fault {
  return new H3Fault('H3_FRAME_UNEXPECTED', `frame ${type} where it has no place`)
}
