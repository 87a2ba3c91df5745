import { Buffer } from 'node:buffer'
import { H3Control, type ControlOwner, type Role } from './h3-control.js'
import { H3_CODES, H3Fault } from './h3-error.js'
import { FRAME, frameOf, MAX_FIELD_SECTION_SIZE, STREAM, varints } from './h3-frames.js'
import { DecoderInstructions, EncoderInstructions } from './h3-instructions.js'
import type { QuicConnection, QuicStream, StreamHandler } from './types.js'
import { readVarint, varintLength } from './varint.js'

/** A type of a stream, octets at most. */
const MAX_TYPE = 8
/** Takes what nobody wants to know. */
export const IGNORED: StreamHandler = { onData() {}, onReset() {}, onStopped() {}, onLost() {} }

/** What {@link H3Channels} needs from its session. */
export interface ChannelsOwner extends ControlOwner {
  /** The peer broke a rule: the connection must end, with that code. */
  onFault(fault: H3Fault): void
}

/** The unidirectional streams of one connection, ours and the peer's (RFC 9114, section 6.2). */
export class H3Channels {
  readonly #role: Role
  readonly #owner: ChannelsOwner
  readonly #opening: Buffer
  /** Types that the peer has opened, of those that may come once. */
  readonly #opened = new Set<number>()
  #control: QuicStream | null = null

  /** @param maxHeaders the largest header section that we take, octets */
  constructor(role: Role, maxHeaders: number, owner: ChannelsOwner) {
    this.#role = role
    this.#owner = owner
    // Our dynamic table has no room, which is the default (RFC 9204, section 5).
    const settings = frameOf(FRAME.SETTINGS, varints(MAX_FIELD_SECTION_SIZE, maxHeaders))
    this.#opening = Buffer.concat([varints(STREAM.CONTROL), settings])
  }

  /**
   * Opens our control stream, unless that was done or the peer grants none yet. There is no QPACK stream of ours: nothing
   * would ever be said on it (RFC 9204, section 4.2).
   */
  open(connection: QuicConnection): void {
    if (this.#control !== null) return
    this.#control = connection.open(this.#ours, false)
    this.#control?.write(this.#opening, false)
  }

  /** Says that nothing is taken from `id` on (RFC 9114, section 5.2). */
  goaway(id: number): void {
    this.#control?.write(frameOf(FRAME.GOAWAY, varints(id)), false)
  }

  /** Takes a unidirectional stream of the peer's. */
  accept(stream: QuicStream): StreamHandler {
    return new Newcomer(stream, (type) => this.#handlerOf(type), this.#owner)
  }

  /** @returns null: a stream of no known type @throws {H3Fault} */
  #handlerOf(type: number): StreamHandler | null {
    if (type === STREAM.PUSH) {
      throw this.#role === 'client'
        ? new H3Fault('H3_ID_ERROR', 'a push, which we do not allow')
        : new H3Fault('H3_STREAM_CREATION_ERROR', 'a push of a client')
    }
    if (type > STREAM.QPACK_DECODER) return null
    if (this.#opened.has(type)) throw new H3Fault('H3_STREAM_CREATION_ERROR', `a second stream of type ${type}`)
    this.#opened.add(type)
    const reader =
      type === STREAM.CONTROL
        ? new H3Control(this.#role, this.#owner)
        : type === STREAM.QPACK_ENCODER
          ? new EncoderInstructions()
          : new DecoderInstructions()
    return new Critical(reader, this.#owner)
  }

  /** The peer must not stop it (RFC 9114, section 6.2.1). */
  readonly #ours: StreamHandler = { ...IGNORED, onStopped: () => this.#owner.onFault(closed()) }
}

/** A stream whose type is not known yet. */
class Newcomer implements StreamHandler {
  readonly #stream: QuicStream
  readonly #handlerOf: (type: number) => StreamHandler | null
  readonly #owner: ChannelsOwner
  #head: Buffer = Buffer.alloc(0)

  constructor(stream: QuicStream, handlerOf: (type: number) => StreamHandler | null, owner: ChannelsOwner) {
    this.#stream = stream
    this.#handlerOf = handlerOf
    this.#owner = owner
  }

  onData(octets: Buffer, fin: boolean): void {
    const held = this.#head.length
    const head = Buffer.concat([this.#head, octets.subarray(0, MAX_TYPE)])
    const length = head.length === 0 ? Infinity : varintLength(head[0]!)
    if (length > head.length) return void (this.#head = head)
    guard(this.#owner, () => {
      const handler = this.#handlerOf(readVarint(head, 0))
      // RFC 9114, section 6.2: no error of the connection, whatever it is.
      if (handler === null) return this.#decline(H3_CODES.H3_STREAM_CREATION_ERROR)
      this.#stream.handler = handler
      handler.onData(octets.subarray(length - held), fin)
    })
  }

  /** A stream that ends before it has a type is no error (RFC 9114, section 6.2). */
  onReset(): void {
    guard(this.#owner, () => this.#owner.onChatter())
  }

  onStopped(): void {}
  onLost(): void {}

  #decline(code: number): void {
    this.#stream.cancel(code)
    this.#owner.onChatter()
  }
}

/** A stream that stays as long as its connection. */
class Critical implements StreamHandler {
  readonly #reader: { push(octets: Buffer): void }
  readonly #owner: ChannelsOwner

  constructor(reader: { push(octets: Buffer): void }, owner: ChannelsOwner) {
    this.#reader = reader
    this.#owner = owner
  }

  onData(octets: Buffer, fin: boolean): void {
    guard(this.#owner, () => {
      this.#reader.push(octets)
      if (fin) throw closed()
    })
  }

  onReset(): void {
    this.#owner.onFault(closed())
  }

  onStopped(): void {}
  onLost(): void {}
}

/** Runs `run`, and tells `owner` of the fault that it ends with, if it does. */
export function guard(owner: Pick<ChannelsOwner, 'onFault'>, run: () => void): void {
  try {
    run()
  } catch (error) {
    if (!(error instanceof H3Fault)) throw error
    owner.onFault(error)
  }
}

function closed(): H3Fault {
  return new H3Fault('H3_CLOSED_CRITICAL_STREAM', 'a stream closed that must stay')
}
