import type { Buffer } from 'node:buffer'
import { QuicClient } from '../../src/quic/client.js'
import { QuicServer } from '../../src/quic/server.js'
import type { ConnectionEnd, ConnectionHandler, QuicConnection } from '../../src/quic/types.js'
import type { Credentials } from './encrypted-peer.js'
import { askTcp, frame } from './raw-dns.js'
import { StreamCollector } from './stream-collector.js'

// DNS over QUIC in a few lines over the core: what fails here is not the transport's or the listener's.

/** One connection, by which queries are asked; a stream each. */
export class BareDoq {
  readonly closed: Promise<ConnectionEnd>
  readonly #connection: QuicConnection
  readonly #waiting: (() => void)[] = []

  private constructor(client: QuicClient, port: number) {
    let close: (end: ConnectionEnd) => void
    this.closed = new Promise((resolve) => (close = resolve))
    this.#connection = client.connect({
      address: '127.0.0.1',
      port,
      serverName: 'localhost',
      handler: {
        onConnected: () => this.#goOn(),
        onStream: () => new StreamCollector(() => undefined),
        onCredit: () => this.#goOn(),
        onClosed: (_, end) => {
          close(end)
          this.#goOn()
        },
      },
    })
  }

  static client(ca: string): Promise<QuicClient> {
    return QuicClient.create({ alpn: ['doq'], ca, idleTimeout: 3000 })
  }

  /** Connects; what the client learned from earlier connections serves. */
  static dial(client: QuicClient, port: number): BareDoq {
    return new BareDoq(client, port)
  }

  /** Fulfilled with the reply, or rejected with how the stream or the connection ended. */
  async ask(query: Buffer): Promise<Buffer> {
    for (;;) {
      if (this.#connection.closed)
        throw Object.assign(new Error('the connection has ended'), { end: await this.closed })
      let settle: (reply: Buffer | string) => void
      const reply = new Promise<Buffer | string>((resolve) => (settle = resolve))
      const stream = this.#connection.established
        ? this.#connection.open(new StreamCollector((got) => settle(got)))
        : null
      if (stream === null) {
        await new Promise<void>((resolve) => this.#waiting.push(resolve))
        continue
      }
      stream.write(frame(query), true)
      const got = await reply
      if (typeof got === 'string') throw new Error(got)
      return got.subarray(2)
    }
  }

  close(): Promise<ConnectionEnd> {
    this.#connection.close(0)
    return this.closed
  }

  #goOn(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

/** A server that brings every query to a DNS server over TCP; resolves with its port. */
export async function serveBareDoq(
  upstream: number,
  credentials: Credentials,
): Promise<{ port: number; server: QuicServer }> {
  const handler: ConnectionHandler = {
    onConnected: () => undefined,
    onStream: (_, stream) =>
      new StreamCollector((framed) => {
        if (typeof framed === 'string') return
        askTcp(upstream, framed.subarray(2)).then(
          (reply) => (reply === null ? stream.cancel(1) : stream.write(frame(reply), true)),
          () => stream.cancel(1),
        )
      }),
    onCredit: () => undefined,
    onClosed: () => undefined,
  }
  const server = await QuicServer.create({ ...credentials, alpn: ['doq'], retryAbove: 0, onConnection: () => handler })
  return { port: await server.bind('127.0.0.1', 0), server }
}
