import { Buffer } from 'node:buffer'
import type { Field } from '../../src/http/field.js'
import { decodeQpack, encodeQpack, QPACK } from '../../src/http/qpack.js'
import { QuicClient } from '../../src/quic/client.js'
import { H3FrameReader } from '../../src/quic/h3-frame-reader.js'
import { FRAME, frameOf, STREAM, varints } from '../../src/quic/h3-frames.js'
import type { ConnectionEnd, QuicConnection, QuicStream, StreamHandler } from '../../src/quic/types.js'
import type { Exchanger } from '../../src/exchanger.js'
import { createServer, type Server, type ServerOptions } from '../../src/server/server.js'
import { authority, issued } from './encrypted-stage.js'
import { later } from './stage.js'

const { cert, key } = issued

/** A server that listens for HTTP/3 alone, destroyed after the test. */
export async function serveH3(root: Exchanger, options: ServerOptions = {}): Promise<{ server: Server; port: number }> {
  const server = await createServer(root, { ...options, h3: { listen: '127.0.0.1:0', cert, key, ...options.h3 } })
  later(() => server.destroy())
  return { server, port: server.addresses.find(({ transport }) => transport === 'h3')!.port }
}

/** What an HTTP/3 server replied. */
export interface H3Reply {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
}

/** A client of HTTP/3 on one connection, which sends what it is told to. */
export class H3Client {
  /** Resolves when the connection is gone, however. */
  readonly closed: Promise<ConnectionEnd>
  /** Frames of the server's control stream, by their types. */
  readonly control: number[] = []
  readonly #connection: QuicConnection
  readonly #connected: Promise<void>

  constructor(client: QuicClient, port: number, source: string | null = null, handshakeTimeout = 5000) {
    let connected = (): void => {}
    let closed: (end: ConnectionEnd) => void = () => {}
    this.closed = new Promise((resolve) => (closed = resolve))
    this.#connected = new Promise((resolve, reject) => {
      connected = resolve
      void this.closed.then((end) => reject(new Error(`${end.cause} ${end.code}: ${end.reason}`)))
    })
    this.#connected.catch(() => undefined)
    this.#connection = client.connect({
      address: '127.0.0.1',
      port,
      source,
      serverName: 'localhost',
      handshakeTimeout,
      handler: {
        onConnected: (connection) => {
          connection.open(SILENT, false)!.write(Buffer.concat([varints(STREAM.CONTROL), frameOf(FRAME.SETTINGS, Buffer.alloc(0))]), false) // prettier-ignore
          connected()
        },
        onStream: () => this.#onStream(),
        onCredit: () => undefined,
        onClosed: (_connection, end) => closed(end),
      },
    })
    later(() => this.#connection.close(0x100))
  }

  /** A connection that is up. */
  static async connect(port: number, source: string | null = null): Promise<H3Client> {
    const client = new H3Client(await H3Client.endpoint(), port, source)
    await client.#connected
    return client
  }

  static async endpoint(ca: string = authority.cert): Promise<QuicClient> {
    const client = await QuicClient.create({ alpn: ['h3'], ca })
    later(() => client.destroy())
    return client
  }

  /** Rejects when there is none. */
  get connected(): Promise<void> {
    return this.#connected
  }

  get localPort(): number {
    return this.#connection.localPort
  }

  /** A stream for a request; null: no more are allowed. */
  open(handler: StreamHandler = SILENT): QuicStream | null {
    return this.#connection.open(handler)
  }

  /** Rejects with the code where the stream is reset; `body` is sent whole, none at all where it is null. */
  request(fields: readonly Field[], body: Buffer | null = null): Promise<H3Reply> {
    return new Promise((resolve, reject) => {
      const reader = new ReplyReader(resolve, reject)
      const stream = this.open(reader)!
      const head = headersOf(fields)
      stream.write(body === null ? head : Buffer.concat([head, frameOf(FRAME.DATA, body)]), true)
    })
  }

  get(octets: Buffer, path = '/dns-query'): Promise<H3Reply> {
    return this.request([[':path', `${path}?dns=${octets.toString('base64url')}`]])
  }

  post(octets: Buffer): Promise<H3Reply> {
    return this.request([[':method', 'POST'], ['content-type', 'application/dns-message']], octets) // prettier-ignore
  }

  #onStream(): StreamHandler {
    let isFirst = true
    const reader = new H3FrameReader({
      onFrame: (type) => (this.control.push(type), 'none'),
      onPayload: () => undefined,
      onPart: () => undefined,
    })
    return {
      ...SILENT,
      onData: (octets) => {
        reader.push(isFirst ? octets.subarray(1) : octets)
        isFirst = false
      },
    }
  }
}

/** HEADERS of a request, GET of /dns-query but for what `fields` say. */
export function headersOf(fields: readonly Field[]): Buffer {
  const named = new Map<string, string>([
    [':method', 'GET'],
    [':scheme', 'https'],
    [':authority', 'localhost'],
    [':path', '/dns-query'],
    ...fields,
  ])
  return frameOf(FRAME.HEADERS, Buffer.concat([QPACK.prefix, encodeQpack([...named])]))
}

const SILENT: StreamHandler = { onData() {}, onReset() {}, onStopped() {}, onLost() {} }

/** Reads a response. */
class ReplyReader implements StreamHandler {
  readonly #resolve: (reply: H3Reply) => void
  readonly #reject: (error: Error) => void
  readonly #headers = new Map<string, string>()
  readonly #body: Buffer[] = []
  readonly #reader = new H3FrameReader({
    onFrame: (type) => (type === FRAME.HEADERS ? 'whole' : 'parts'),
    onPayload: (_type, payload) =>
      decodeQpack(payload, 0, payload.length, { field: (name, value) => void this.#headers.set(name, value) }),
    onPart: (octets) => void this.#body.push(octets),
  })

  constructor(resolve: (reply: H3Reply) => void, reject: (error: Error) => void) {
    this.#resolve = resolve
    this.#reject = reject
  }

  onData(octets: Buffer, fin: boolean): void {
    this.#reader.push(octets)
    if (!fin) return
    this.#resolve({
      status: Number(this.#headers.get(':status') ?? 0),
      headers: this.#headers,
      body: Buffer.concat(this.#body),
    })
  }

  onReset(code: number): void {
    this.#reject(new Error(`reset with ${code.toString(16)}`))
  }

  onStopped(): void {}

  onLost(end: ConnectionEnd): void {
    this.#reject(new Error(`lost: ${end.cause} ${end.code.toString(16)}`))
  }
}
