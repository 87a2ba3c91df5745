import { Buffer } from 'node:buffer'
import type { ConnectOptions, QuicClient } from '../../src/quic/client.js'
import type { Line, LineHandler, LineTarget } from '../../src/quic/line.js'

import type {
  ConnectionEnd,
  ConnectionHandler,
  QuicConnection,
  QuicStream,
  StreamHandler,
} from '../../src/quic/types.js'
import type { Clock } from '../../src/base/clock.js'

/** Handlers that fail at whatever nobody expected. */
export const UNEXPECTED: ConnectionHandler = {
  onConnected() {},
  onStream(): StreamHandler {
    throw new Error('a stream that nobody expected')
  },
  onCredit() {},
  onClosed() {},
}

/** A server's side that sends back what a stream brings, once it has all of it. */
export function echo(): ConnectionHandler {
  return { ...UNEXPECTED, onStream: (_connection, stream) => new Echo(stream) }
}

class Echo implements StreamHandler {
  readonly #stream: QuicStream
  readonly #parts: Buffer[] = []

  constructor(stream: QuicStream) {
    this.#stream = stream
  }

  onData(octets: Buffer, fin: boolean): void {
    this.#parts.push(octets)
    if (fin) this.#stream.write(Buffer.concat(this.#parts), true)
  }

  onReset(): void {}
  onStopped(): void {}
  onLost(): void {}
}

/** A connection, and promises of what becomes of it. */
export interface Watched {
  readonly connection: QuicConnection
  /** Rejects with the end. */
  readonly connected: Promise<QuicConnection>
  readonly end: Promise<ConnectionEnd>
}

const CREDITS = new WeakMap<QuicConnection, (() => void)[]>()

/** Connects with a handler that is watched. */
export function when(client: QuicClient, options: Omit<ConnectOptions, 'handler'> & Partial<ConnectOptions>): Watched {
  const { handler = UNEXPECTED } = options
  let onEnd: (end: ConnectionEnd) => void = () => {}
  const end = new Promise<ConnectionEnd>((resolve) => (onEnd = resolve))
  let connection: QuicConnection | null = null
  const connected = new Promise<QuicConnection>((resolve, reject) => {
    connection = client.connect({
      ...options,
      handler: {
        onConnected: (one) => {
          handler.onConnected(one)
          resolve(one)
        },
        onStream: (one, stream) => handler.onStream(one, stream),
        onCredit: (one) => {
          for (const go of CREDITS.get(one)?.splice(0) ?? []) go()
          handler.onCredit(one)
        },
        onClosed: (one, why) => {
          handler.onClosed(one, why)
          onEnd(why)
          reject(why)
        },
      },
    })
  })
  connected.catch(() => {})
  CREDITS.set(connection!, [])
  return { connection: connection!, connected, end }
}

/** Sends `octets` on a stream of their own, when there is credit for one, and collects what comes back. */
export async function ask(connection: QuicConnection, octets: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    const handler: StreamHandler = {
      onData(part, fin) {
        parts.push(part)
        if (fin) resolve(Buffer.concat(parts))
      },
      onReset: (code) => reject({ reset: code }),
      onStopped: (code) => reject({ stopped: code }),
      onLost: reject,
    }
    const go = (): void => {
      const stream = connection.open(handler)
      if (stream !== null) stream.write(octets, true)
      else if (connection.closed) reject(new Error('closed'))
      else CREDITS.get(connection)!.push(go)
    }
    go()
  })
}

/** Datagrams between fake lines, after a delay of `clock`; `drop` and `change` meddle with them. */
export class FakeNet {
  readonly #clock: Clock
  readonly #lines = new Map<string, FakeLine>()
  #nextPort = 40_000
  delay = 5
  /** Datagrams that were sent. */
  sent = 0
  drop: (octets: Buffer, from: string, to: string) => boolean = () => false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  readonly dial = (target: LineTarget, handler: LineHandler): Line =>
    this.#add(new FakeLine(this, `10.0.0.1 ${this.#nextPort++}`, `${target.address} ${target.port}`, handler))

  listen(address: string, port: number): (handler: LineHandler) => Line {
    return (handler) => this.#add(new FakeLine(this, `${address} ${port}`, null, handler))
  }

  send(octets: Buffer, from: string, to: string): void {
    this.sent++
    if (!this.drop(octets, from, to)) this.inject(octets, from, to)
  }

  /** Delivers `octets`, whatever {@link drop} says. */
  inject(octets: Buffer, from: string, to: string): void {
    const copy = Buffer.from(octets)
    this.#clock.setTimeout(() => this.#lines.get(to)?.deliver(copy, from), this.delay)
  }

  remove(name: string): void {
    this.#lines.delete(name)
  }

  #add(line: FakeLine): FakeLine {
    this.#lines.set(line.name, line)
    return line
  }
}

class FakeLine implements Line {
  readonly #net: FakeNet
  readonly name: string
  readonly #peer: string | null
  readonly #handler: LineHandler

  constructor(net: FakeNet, name: string, peer: string | null, handler: LineHandler) {
    this.#net = net
    this.name = name
    this.#peer = peer
    this.#handler = handler
  }

  get localPort(): number {
    return Number(this.name.split(' ')[1])
  }

  send(octets: Buffer, address: string, port: number): void {
    this.#net.send(octets, this.name, this.#peer ?? `${address} ${port}`)
  }

  deliver(octets: Buffer, from: string): void {
    if (this.#peer !== null && from !== this.#peer) return
    const [address, port] = from.split(' ') as [string, string]
    this.#handler.onDatagram(octets, address, Number(port))
  }

  close(): void {
    this.#net.remove(this.name)
  }
}
