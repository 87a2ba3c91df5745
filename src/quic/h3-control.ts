import type { Buffer } from 'node:buffer'
import { H3Fault } from './h3-error.js'
import { H3FrameReader, type FrameSink } from './h3-frame-reader.js'
import { FRAME, isOfHttp2 } from './h3-frames.js'
import { readVarint, varintLength } from './varint.js'

/** Which side of a connection we are. */
export type Role = 'client' | 'server'

/** What is kept of a frame of the control stream, octets at most. */
const MAX_PAYLOAD = 4096

/** Told what the peer says of the whole connection. Each may throw an {@link H3Fault}. */
export interface ControlOwner {
  /** Takes nothing new from `id` on: a stream where a server says it, a push where a client does (RFC 9114, section 5.2). */
  onGoaway(id: number): void
  /** A frame came that brings no response nearer. */
  onChatter(): void
}

/** Reads the peer's control stream (RFC 9114, sections 6.2.1 and 7.2). */
export class H3Control implements FrameSink {
  readonly #role: Role
  readonly #owner: ControlOwner
  readonly #reader = new H3FrameReader(this)
  #greeted = false
  #goneFrom = Infinity
  #maxPush = -1

  constructor(role: Role, owner: ControlOwner) {
    this.#role = role
    this.#owner = owner
  }

  /** Takes the next octets of the stream. @throws {H3Fault} */
  push(octets: Buffer): void {
    this.#reader.push(octets)
  }

  onFrame(type: number, length: number): 'whole' | 'none' {
    if (!this.#greeted && type !== FRAME.SETTINGS) throw new H3Fault('H3_MISSING_SETTINGS', 'no SETTINGS at first')
    if (this.#isMisplaced(type)) throw new H3Fault('H3_FRAME_UNEXPECTED', `frame ${type} on the control stream`)
    this.#greeted = true
    this.#owner.onChatter()
    if (!KNOWN.has(type)) return 'none'
    if (length > MAX_PAYLOAD)
      throw new H3Fault('H3_EXCESSIVE_LOAD', `a frame of ${length} octets on the control stream`)
    return 'whole'
  }

  onPayload(type: number, payload: Buffer): void {
    if (type === FRAME.SETTINGS) return readSettings(payload)
    const id = onlyInteger(payload)
    if (type === FRAME.GOAWAY) this.#onGoaway(id)
    else if (type === FRAME.MAX_PUSH_ID) this.#onMaxPush(id)
    // Nothing was ever pushed or promised (RFC 9114, section 7.2.3).
    else throw new H3Fault('H3_ID_ERROR', 'CANCEL_PUSH of nothing')
  }

  onPart(): void {
    // None is wanted.
  }

  #isMisplaced(type: number): boolean {
    switch (type) {
      case FRAME.SETTINGS:
        return this.#greeted
      case FRAME.MAX_PUSH_ID:
        return this.#role === 'client'
      case FRAME.DATA:
      case FRAME.HEADERS:
      case FRAME.PUSH_PROMISE:
        return true
      default:
        return isOfHttp2(type)
    }
  }

  #onGoaway(id: number): void {
    if (this.#role === 'client' && id % 4 !== 0)
      throw new H3Fault('H3_ID_ERROR', `GOAWAY with ${id}, which is no request`)
    if (id > this.#goneFrom) throw new H3Fault('H3_ID_ERROR', 'GOAWAY that takes more back than it gave')
    this.#goneFrom = id
    this.#owner.onGoaway(id)
  }

  #onMaxPush(id: number): void {
    if (id < this.#maxPush) throw new H3Fault('H3_ID_ERROR', 'MAX_PUSH_ID that is lower than before')
    this.#maxPush = id
  }
}

const KNOWN: ReadonlySet<number> = new Set([FRAME.SETTINGS, FRAME.GOAWAY, FRAME.MAX_PUSH_ID, FRAME.CANCEL_PUSH])

/** Checks the form; none of them binds us: we use no dynamic table and send small heads (RFC 9114, section 7.2.4). */
function readSettings(payload: Buffer): void {
  const seen = new Set<number>()
  for (let at = 0; at < payload.length;) {
    const value = integerEnd(payload, at)
    const id = readVarint(payload, at)
    at = integerEnd(payload, value)
    if (seen.has(id)) throw new H3Fault('H3_SETTINGS_ERROR', `setting ${id} twice`)
    // Of HTTP/2, and without a counterpart (RFC 9114, section 7.2.4.1).
    if (id >= 2 && id <= 5) throw new H3Fault('H3_SETTINGS_ERROR', `setting ${id}, which HTTP/3 does not have`)
    seen.add(id)
  }
}

/** The integer that is all of `payload`. */
function onlyInteger(payload: Buffer): number {
  if (integerEnd(payload, 0) !== payload.length) throw malformed()
  return readVarint(payload, 0)
}

/** Where the integer at `at` ends. */
function integerEnd(payload: Buffer, at: number): number {
  const end = at < payload.length ? at + varintLength(payload[at]!) : Infinity
  if (end > payload.length) throw malformed()
  return end
}

/** RFC 9114, section 7.1. */
function malformed(): H3Fault {
  return new H3Fault('H3_FRAME_ERROR', 'a frame that is too short or too long for what is in it')
}
