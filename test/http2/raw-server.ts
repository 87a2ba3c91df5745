import { Buffer } from 'node:buffer'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { FrameReader } from '../../src/http2/frame-reader.js'
import { FLAG, FRAME, type Frame, PREFACE, SETTING } from '../../src/http2/frames.js'
import { frame, setting, settings, windowUpdate } from './fake-peer.js'

/** A request that the server has read whole. */
export interface Received {
  readonly stream: number
  readonly body: string
}

/** One connection to a {@link RawServer}; what it says is up to `answer`. */
export class RawConnection {
  readonly socket: Socket
  /** Requests that are not answered. */
  readonly waiting: Received[] = []
  /** The highest stream that was opened. */
  newest = 0
  /** Streams above this are ignored, as GOAWAY said. */
  last = Infinity
  readonly #reader = new FrameReader()
  readonly #bodies = new Map<number, Buffer[]>()
  #preface = PREFACE.length
  #ticking = false
  readonly #answer: (connection: RawConnection) => void

  constructor(socket: Socket, greeting: readonly Buffer[], answer: (connection: RawConnection) => void) {
    this.socket = socket
    this.#answer = answer
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    this.write(settings(...greeting))
  }

  write(...octets: Buffer[]): void {
    if (this.socket.writable) this.socket.write(Buffer.concat(octets))
  }

  #onData(chunk: Buffer): void {
    const skipped = Math.min(this.#preface, chunk.length)
    this.#preface -= skipped
    this.#reader.push(chunk.subarray(skipped), (given) => this.#onFrame(given))
    if (this.#ticking) return
    this.#ticking = true
    setImmediate(() => {
      this.#ticking = false
      this.#answer(this)
    })
  }

  #onFrame({ type, flags, stream, octets, start, end }: Frame): boolean {
    const payload = Buffer.from(octets.subarray(start, end))
    if (type === FRAME.SETTINGS && (flags & FLAG.ACK) === 0) this.write(frame(FRAME.SETTINGS, FLAG.ACK, 0))
    if (type === FRAME.PING && (flags & FLAG.ACK) === 0) this.write(frame(FRAME.PING, FLAG.ACK, 0, payload))
    if (type !== FRAME.DATA && type !== FRAME.HEADERS) return true
    this.newest = Math.max(this.newest, stream)
    if (stream > this.last) return true
    const body = this.#bodies.get(stream) ?? []
    this.#bodies.set(stream, body)
    if (type === FRAME.DATA) {
      body.push(payload)
      this.write(windowUpdate(0, payload.length))
    }
    if ((flags & FLAG.END_STREAM) !== 0) this.waiting.push({ stream, body: Buffer.concat(body).toString('latin1') })
    return true
  }
}

/** An HTTP/2 server of frames only, which can break every rule. */
export class RawServer {
  /** Looks at what is `waiting` on a connection. */
  readonly answer: (connection: RawConnection) => void
  /** Those that are open. */
  readonly connections = new Set<RawConnection>()
  /** Connections that there have been. */
  accepted = 0
  readonly #server: Server

  /**
   * @param answer called after each read; it looks at what is `waiting`
   * @param more settings that the server begins with, beside the stream limit
   */
  constructor(maxStreams: number, answer: (connection: RawConnection) => void, ...more: readonly Buffer[]) {
    const greeting = [setting(SETTING.MAX_CONCURRENT_STREAMS, maxStreams), ...more]
    this.answer = answer
    this.#server = createServer({ noDelay: true }, (socket) => {
      const connection = new RawConnection(socket, greeting, answer)
      this.accepted++
      this.connections.add(connection)
      socket.on('close', () => this.connections.delete(connection))
    })
  }

  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    return (this.#server.address() as AddressInfo).port
  }

  close(): void {
    for (const { socket } of this.connections) socket.destroy()
    this.#server.close()
  }
}
