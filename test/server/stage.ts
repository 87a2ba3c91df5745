import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { connect, type Socket as TcpSocket } from 'node:net'
import { afterEach } from 'vitest'
import { FakeClock } from '../../src/testing/fake-clock.js'
import type { ExchangeContext, Exchanger, Query, Reply } from '../../src/exchanger.js'
import { createServer, type Server, type ServerOptions } from '../../src/server/server.js'
import { Message, type ReplyOptions } from '../../src/wire/message.js'

/** Virtual time for timeouts, beside real sockets. */
export class SocketClock extends FakeClock {
  override readonly afterPoll = (fn: () => void): void => void setImmediate(fn)
}

/** Exchanger in a test's hands: notes what it was asked, and answers at once unless told to hold. */
export class TestRoot implements Exchanger {
  readonly asked: { readonly query: Query; readonly ctx: ExchangeContext }[] = []
  readonly #held: (() => void)[] = []
  readonly #waiters: { readonly count: number; readonly done: () => void }[] = []
  holds = false
  reply: ReplyOptions = { answers: [{ name: 'x.example', type: 'A', ttl: 300, data: '192.0.2.1' }] }
  timeout?: number

  exchange(query: Query, ctx?: ExchangeContext): Promise<Reply> {
    this.asked.push({ query, ctx: ctx! })
    for (const waiter of this.#waiters.splice(0)) {
      if (this.asked.length >= waiter.count) waiter.done()
      else this.#waiters.push(waiter)
    }
    const reply = { message: Message.reply(query, this.reply), upstream: 'test', age: 0 }
    if (!this.holds) return Promise.resolve(reply)
    return new Promise((resolve) => this.#held.push(() => resolve(reply)))
  }

  /** Resolves once it has been asked so many queries in all. */
  async until(count: number): Promise<void> {
    if (this.asked.length < count) await new Promise<void>((done) => this.#waiters.push({ count, done }))
  }

  /** Answers what is held: all of it, or those at these places. */
  release(...places: number[]): void {
    const chosen = places.length === 0 ? this.#held.map((_, i) => i) : places
    for (const place of chosen) this.#held[place]!()
    for (const place of [...chosen].sort((a, b) => b - a)) this.#held.splice(place, 1)
  }
}

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Runs after the test, the last one first. */
export function later(cleanup: () => unknown): void {
  cleanups.push(cleanup)
}

/** A server on a loopback port, destroyed after the test. */
export async function serve(root: Exchanger, options: ServerOptions = {}): Promise<{ server: Server; port: number }> {
  const server = await createServer(root, { listen: '127.0.0.1:0', ...options })
  later(() => server.destroy())
  return { server, port: server.addresses[0]!.port }
}

/** Resolves once `holds` does, looked at once a turn of the loop. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve))
}

/** What has arrived and not been taken yet, and who waits for more. */
class Inbox {
  readonly #items: (Buffer | null)[] = []
  readonly #waiting: ((item: Buffer | null) => void)[] = []

  put(item: Buffer | null): void {
    const waiting = this.#waiting.shift()
    if (waiting === undefined) this.#items.push(item)
    else waiting(item)
  }

  take(): Promise<Buffer | null> {
    const item = this.#items.shift()
    return item === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(item)
  }

  get size(): number {
    return this.#items.length
  }
}

/** A UDP client with a socket of its own. */
export class UdpClient {
  readonly #socket: UdpSocket
  readonly #port: number
  readonly #inbox = new Inbox()

  constructor(port: number, source = '127.0.0.1') {
    this.#port = port
    this.#socket = createSocket('udp4')
    this.#socket.on('message', (octets) => this.#inbox.put(octets))
    this.#socket.bind(0, source)
    later(() => this.#socket.close())
  }

  send(octets: Buffer): void {
    this.#socket.send(octets, this.#port, '127.0.0.1')
  }

  async next(): Promise<Buffer> {
    return (await this.#inbox.take())!
  }

  ask(octets: Buffer): Promise<Buffer> {
    this.send(octets)
    return this.next()
  }

  /** Datagrams that came and were not taken. */
  get unread(): number {
    return this.#inbox.size
  }
}

/** A TCP client. */
export class TcpClient {
  readonly socket: TcpSocket
  /** Resolves when the connection is gone, however. */
  readonly closed: Promise<void>
  /** How many chunks came. */
  chunks = 0
  readonly #inbox = new Inbox()
  #octets = Buffer.alloc(0)

  constructor(port: number, localAddress = '127.0.0.1', open: typeof connect = connect) {
    this.socket = open({ port, host: '127.0.0.1', localAddress, allowHalfOpen: true })
    this.socket.on('error', () => undefined)
    this.socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    this.socket.on('end', () => {
      this.#inbox.put(null)
      this.socket.end()
    })
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.#inbox.put(null)
        resolve()
      })
    })
    later(() => this.socket.destroy())
  }

  connected(): Promise<void> {
    return new Promise((resolve) => this.socket.once('connect', () => resolve()))
  }

  /** The next message, or null when the server has closed its side. */
  next(): Promise<Buffer | null> {
    return this.#inbox.take()
  }

  get unread(): number {
    return this.#inbox.size
  }

  #onData(chunk: Buffer): void {
    this.chunks++
    this.#octets = Buffer.concat([this.#octets, chunk])
    while (this.#octets.length >= 2 && this.#octets.length >= 2 + this.#octets.readUInt16BE(0)) {
      const end = 2 + this.#octets.readUInt16BE(0)
      this.#inbox.put(this.#octets.subarray(2, end))
      this.#octets = this.#octets.subarray(end)
    }
  }
}
