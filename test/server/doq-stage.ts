import { Buffer } from 'node:buffer'
import { createSocket } from 'node:dgram'
import type { Exchanger } from '../../src/exchanger.js'
import { QuicClient } from '../../src/quic/client.js'
import type { DialLine } from '../../src/quic/line.js'
import type { ConnectionEnd, QuicConnection, QuicStream } from '../../src/quic/types.js'
import { createServer, type Server, type ServerOptions } from '../../src/server/server.js'
import { frame } from '../../src/transport/framing.js'
import { authority, issued } from './encrypted-stage.js'
import { later } from './stage.js'

const { cert, key } = issued

/** A server that listens for DNS over QUIC alone, destroyed after the test. */
export async function serveDoq(
  root: Exchanger,
  options: ServerOptions = {},
): Promise<{ server: Server; port: number }> {
  const server = await createServer(root, { ...options, quic: { listen: '127.0.0.1:0', cert, key, ...options.quic } })
  later(() => server.destroy())
  return { server, port: server.addresses.find(({ transport }) => transport === 'doq')!.port }
}

/** What became of a stream: the message behind its length, or the code that the server reset it with. */
export type DoqReply = Buffer | number

/** A client of DNS over QUIC on one connection, which sends what it is told to. */
export class DoqClient {
  /** Resolves when the connection is gone, however. */
  readonly closed: Promise<ConnectionEnd>
  readonly #client: QuicClient
  readonly #connection: QuicConnection

  private constructor(client: QuicClient, connection: QuicConnection, closed: Promise<ConnectionEnd>) {
    this.#client = client
    this.#connection = connection
    this.closed = closed
  }

  /** Rejects with why it was ended before it was up. */
  static async connect(port: number, source: string | null = null, handshakeTimeout = 2000): Promise<DoqClient> {
    const client = await QuicClient.create({ alpn: ['doq'], ca: authority.cert })
    later(() => client.destroy())
    return new Promise((resolve, reject) => {
      let onClosed: (end: ConnectionEnd) => void = () => undefined
      const closed = new Promise<ConnectionEnd>((done) => (onClosed = done))
      const connection = client.connect({
        address: '127.0.0.1',
        port,
        source,
        serverName: 'localhost',
        handshakeTimeout,
        handler: {
          onConnected: () => resolve(new DoqClient(client, connection, closed)),
          onStream: () => SILENT,
          onCredit: () => undefined,
          onClosed: (_, end) => {
            onClosed(end)
            reject(new Error(`${end.cause} ${end.code}`))
          },
        },
      })
    })
  }

  /** Sends octets as they are on a stream of its own; null where there is none. */
  open(octets: Buffer, fin: boolean): { readonly stream: QuicStream; readonly reply: Promise<DoqReply> } | null {
    const received: Buffer[] = []
    let end: (reply: DoqReply) => void = () => undefined
    const reply = new Promise<DoqReply>((resolve) => (end = resolve))
    const stream = this.#connection.open({
      onData(chunk, last) {
        received.push(Buffer.from(chunk))
        if (last) end(Buffer.concat(received).subarray(2))
      },
      onReset: end,
      onStopped: () => undefined,
      onLost: () => end(-1),
    })
    if (stream === null) return null
    stream.write(octets, fin)
    return { stream, reply }
  }

  ask(query: Buffer): Promise<DoqReply> {
    return this.open(frame(query), true)!.reply
  }

  /** A stream that no client of DNS over QUIC has reason to open. */
  openUnidirectional(): void {
    this.#connection.open(SILENT, false)!.write(Buffer.from('x'), false)
  }

  close(): void {
    this.#client.destroy()
  }
}

const SILENT = { onData() {}, onReset() {}, onStopped() {}, onLost() {} }

/** Begins `count` handshakes, and hears nothing of what is said to that, as who sends from false addresses. */
export async function knock(port: number, count: number): Promise<void> {
  const socket = createSocket('udp4')
  const heard = new Promise<void>((resolve) => {
    let left = count
    socket.on('message', () => --left === 0 && resolve())
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const deaf: DialLine = ({ address, port: to }) => ({
    localPort: 0,
    send: (octets) => socket.send(octets, to, address),
    close: () => undefined,
  })
  const client = await QuicClient.create({ alpn: ['doq'], ca: authority.cert, dialLine: deaf })
  const handler = { onConnected() {}, onStream: () => SILENT, onCredit() {}, onClosed() {} }
  for (let i = 0; i < count; i++) client.connect({ address: '127.0.0.1', port, serverName: 'localhost', handler })
  await heard
  client.destroy()
  socket.close()
}
