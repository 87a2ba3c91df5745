import { Buffer } from 'node:buffer'
import { Duplex } from 'node:stream'
import type { ResponseHead } from '../../src/http/response-head.js'
import type { Field } from '../../src/http/field.js'
import { encodeHpack, HPACK } from '../../src/http/hpack.js'
import type { Http2Error } from '../../src/http2/error.js'
import { FLAG, FRAME, PREFACE } from '../../src/http2/frames.js'
import { RequestHead } from '../../src/http/request-head.js'
import { HttpRequest, type Loss } from '../../src/http/request.js'
import type { HttpOptions } from '../../src/http/session.js'
import { Http2Session } from '../../src/http2/session.js'
import { FakeClock } from '../../src/testing/fake-clock.js'

/** A frame that the session has sent. */
export interface Sent {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

/** A socket whose other end is the test. */
export class FakeSocket extends Duplex {
  readonly written: Buffer[] = []
  /** While true, what is written stays unacknowledged, as when the peer does not read. */
  stuck = false
  #release: (() => void) | null = null

  override _read(): void {
    // The test pushes.
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk)
    if (this.stuck) this.#release = done
    else done()
  }

  unstick(): void {
    this.stuck = false
    this.#release?.()
    this.#release = null
  }
}

export const HEAD = new RequestHead(
  {
    method: 'POST',
    scheme: 'https',
    authority: 'dns.test',
    path: '/dns-query',
    headers: [
      ['content-type', 'application/dns-message'],
      ['accept', 'application/dns-message'],
    ],
  },
  HPACK,
)

/** A request that writes down how it ended. */
export class Asked extends HttpRequest {
  /** `200 text`, or the code of the failure and how it was lost; null before it is settled. */
  ended: string | null = null
  error: Http2Error | null = null
  headers: ResponseHead | null = null
  body_: Buffer | null = null
  onEnd: (() => void) | null = null

  override onResponse(status: number, headers: ResponseHead, body: Buffer): void {
    this.headers = headers
    this.body_ = body
    this.#end(`${status} ${body.toString('latin1')}`)
  }

  override onFailure(error: Http2Error, loss: Loss): void {
    this.error = error
    this.#end(`${error.http2Code ?? error.code}, ${loss}`)
  }

  #end(how: string): void {
    if (this.ended !== null) throw new Error(`settled twice: ${this.ended}, then ${how}`)
    this.ended = how
    this.onEnd?.()
  }
}

export function octets(...parts: readonly (number | string | Buffer)[]): Buffer {
  return Buffer.concat(
    parts.map((part) =>
      typeof part === 'number' ? Buffer.from([part]) : typeof part === 'string' ? Buffer.from(part, 'latin1') : part,
    ),
  )
}

export function u32(value: number): Buffer {
  const out = Buffer.alloc(4)
  out.writeUInt32BE(value)
  return out
}

export function frame(type: number, flags: number, stream: number, payload: Buffer | string = ''): Buffer {
  const content = octets(payload)
  const header = Buffer.alloc(9)
  header.writeUIntBE(content.length, 0, 3)
  header[3] = type
  header[4] = flags
  header.writeUInt32BE(stream, 5)
  return Buffer.concat([header, content])
}

export function setting(id: number, value: number): Buffer {
  const out = Buffer.alloc(6)
  out.writeUInt16BE(id)
  out.writeUInt32BE(value, 2)
  return out
}

export const settings = (...pairs: Buffer[]): Buffer => frame(FRAME.SETTINGS, 0, 0, Buffer.concat(pairs))
export const OK: readonly Field[] = [
  [':status', '200'],
  ['content-type', 'application/dns-message'],
]
export const headers = (stream: number, fields: readonly Field[] = OK, flags: number = FLAG.END_HEADERS): Buffer =>
  frame(FRAME.HEADERS, flags, stream, encodeHpack(fields))
export const data = (stream: number, body: Buffer | string, flags: number = FLAG.END_STREAM): Buffer =>
  frame(FRAME.DATA, flags, stream, body)
export const response = (stream: number, body: string): Buffer => octets(headers(stream), data(stream, body))
export const goaway = (last: number, code = 0): Buffer => frame(FRAME.GOAWAY, 0, 0, octets(u32(last), u32(code)))
export const reset = (stream: number, code: number): Buffer => frame(FRAME.RST_STREAM, 0, stream, u32(code))
export const windowUpdate = (stream: number, by: number): Buffer => frame(FRAME.WINDOW_UPDATE, 0, stream, u32(by))

/** A session over a socket whose other end the test plays, in virtual time. */
export class Stage {
  readonly clock = new FakeClock()
  readonly socket = new FakeSocket()
  readonly events: string[] = []
  readonly session: Http2Session
  #seen = 0

  constructor(options: Partial<HttpOptions> = {}) {
    const defaults = { maxBody: 65_535, maxStreams: 1000, pingAfter: 1000, pingTimeout: 2000 }
    this.session = new Http2Session(
      this.socket,
      { name: 'peer', clock: this.clock, wanted: ['content-type', 'age'], ...defaults, ...options },
      {
        onRetired: () => this.events.push('retired'),
        onDrained: () => this.events.push('drained'),
        onClosed: (error) => this.events.push(`closed: ${(error as Http2Error).http2Code ?? error.code}`),
      },
    )
  }

  /** Sends `count` requests and lets them go out. */
  async ask(count = 1, body: string | null = 'query'): Promise<Asked[]> {
    const requests = Array.from({ length: count }, () => new Asked(HEAD, body === null ? null : Buffer.from(body)))
    for (const request of requests) this.session.send(request)
    await this.clock.advance(0)
    return requests
  }

  /** The peer's octets arrive, and what they make the session do is done. */
  async receive(...parts: readonly Buffer[]): Promise<void> {
    this.socket.push(Buffer.concat(parts))
    await this.clock.advance(0)
  }

  /** The peer has greeted. */
  async greet(...pairs: Buffer[]): Promise<this> {
    await this.receive(settings(...pairs), frame(FRAME.SETTINGS, FLAG.ACK, 0))
    this.sent()
    return this
  }

  /** What the session has sent since the last call, the preface aside. */
  sent(): Sent[] {
    let wire = Buffer.concat(this.socket.written)
    if (wire.subarray(0, PREFACE.length).toString('latin1') === PREFACE) wire = wire.subarray(PREFACE.length)
    const frames = cut(wire)
    const fresh = frames.slice(this.#seen)
    this.#seen = frames.length
    return fresh
  }

  /** The codes of the GOAWAY frames that the session has sent. */
  get farewells(): number[] {
    this.#seen = 0
    return this.sent()
      .filter(({ type }) => type === FRAME.GOAWAY)
      .map(({ payload }) => payload.readUInt32BE(4))
  }
}

export function cut(wire: Buffer): Sent[] {
  const frames: Sent[] = []
  for (let at = 0; at + 9 <= wire.length;) {
    const end = at + 9 + wire.readUIntBE(at, 3)
    frames.push({
      type: wire[at + 3]!,
      flags: wire[at + 4]!,
      stream: wire.readUInt32BE(at + 5),
      payload: wire.subarray(at + 9, end),
    })
    at = end
  }
  return frames
}
