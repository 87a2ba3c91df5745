import { Buffer } from 'node:buffer'
import { QuicClient } from '../../src/quic/client.js'
import type { QuicConnection, StreamHandler } from '../../src/quic/types.js'
import { StreamCollector } from './stream-collector.js'

// DNS over HTTP/3 by GET in a few lines over the core: what fails here is not the transport's.

const FRAME = { DATA: 0, HEADERS: 1 }
/** A control stream with empty SETTINGS, and the two streams of QPACK (RFC 9114, section 6.2.1; RFC 9204, section 4.2). */
const OURS = [Buffer.from([0, 4, 0]), Buffer.from([2]), Buffer.from([3])]
/** `:status: 200` of the static table (RFC 9204, appendix A). */
const OK = 0xc0 | 25

/** One connection, by which queries are asked. */
export class BareH3 {
  readonly #port: number
  readonly #connection: QuicConnection
  readonly #waiting: (() => void)[] = []

  private constructor(client: QuicClient, port: number) {
    this.#port = port
    const goOn = (): void => {
      for (const resolve of this.#waiting.splice(0)) resolve()
    }
    this.#connection = client.connect({
      address: '127.0.0.1',
      port,
      serverName: 'localhost',
      handler: {
        onConnected: (connection) => {
          for (const octets of OURS) connection.open(IGNORED, false)?.write(octets, false)
          goOn()
        },
        onStream: () => IGNORED,
        onCredit: goOn,
        onClosed: goOn,
      },
    })
  }

  static client(ca: string): Promise<QuicClient> {
    return QuicClient.create({ alpn: ['h3'], ca, idleTimeout: 3000 })
  }

  static dial(client: QuicClient, port: number): BareH3 {
    return new BareH3(client, port)
  }

  /** Fulfilled with the body of a response whose status is 200. */
  async get(query: Buffer): Promise<Buffer> {
    const path = `/dns-query?dns=${query.toString('base64url')}`
    const section = [Buffer.from([0, 0, 0xd1, 0xd7]), literal(0, `localhost:${this.#port}`), literal(1, path)]
    for (;;) {
      if (this.#connection.closed) throw new Error('the connection has ended')
      let settle: (got: Buffer | string) => void
      const got = new Promise<Buffer | string>((resolve) => (settle = resolve))
      const stream = this.#connection.established
        ? this.#connection.open(new StreamCollector((all) => settle(typeof all === 'string' ? all : bodyOf(all))))
        : null
      if (stream === null) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
        continue
      }
      stream.write(frame(FRAME.HEADERS, Buffer.concat(section)), true)
      const end = await got
      if (typeof end === 'string') throw new Error(end)
      return end
    }
  }

  close(): void {
    this.#connection.close(0x100)
  }
}

const IGNORED: StreamHandler = {
  onData: () => undefined,
  onReset: () => undefined,
  onStopped: () => undefined,
  onLost: () => undefined,
}

/** The content of all DATA frames; a text where the field section does not begin with status 200. */
function bodyOf(octets: Buffer): Buffer | string {
  const body: Buffer[] = []
  for (let at = 0; at < octets.length;) {
    const type = integer(octets, at)
    const length = integer(octets, type.end)
    const content = octets.subarray(length.end, length.end + length.value)
    if (type.value === FRAME.DATA) body.push(content)
    if (type.value === FRAME.HEADERS && content[2] !== OK) return `field section ${content.toString('hex')}`
    at = length.end + length.value
  }
  return Buffer.concat(body)
}

/** A frame (RFC 9114, section 7.1); its length takes four octets. */
function frame(type: number, content: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head[0] = type
  head.writeUInt32BE((content.length | 0x8000_0000) >>> 0, 1)
  return Buffer.concat([head, content])
}

/** A field with a name of the static table and a value as it is (RFC 9204, section 4.5.4). */
function literal(name: number, value: string): Buffer {
  const length =
    value.length < 127 ? [value.length] : [127, ((value.length - 127) & 127) | 128, (value.length - 127) >> 7]
  return Buffer.concat([Buffer.from([0x50 | name, ...length]), Buffer.from(value)])
}

/** An integer of QUIC (RFC 9000, section 16). */
function integer(octets: Buffer, at: number): { value: number; end: number } {
  const length = 1 << (octets[at]! >> 6)
  let value = octets[at]! & 0x3f
  for (let i = 1; i < length; i++) value = value * 256 + octets[at + i]!
  return { value, end: at + length }
}
