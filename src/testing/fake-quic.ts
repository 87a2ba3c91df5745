import { Buffer } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import type { ReceivedRequest } from '../http/received-request.js'
import { H3ServerSession } from '../quic/h3-server-session.js'
import type { H3Request, RequestHandler } from '../quic/h3-request.js'
import { QuicServer } from '../quic/server.js'
import type { ConnectionHandler, QuicConnection, QuicStream, StreamHandler } from '../quic/types.js'
import { bindUdp, SocketLine } from '../quic/udp-line.js'
import { systemClock } from '../base/clock.js'
import { frame } from '../transport/framing.js'
import type { Delivery } from './fake-delivery.js'
import type { HandshakeFault } from './fake-faults.js'
import { readQuery } from './fake-https.js'
import { FakeReplies } from './fake-replies-in-turn.js'
import type { FakeListener } from './fake-port.js'
import type { FakeTlsOwner } from './fake-tls.js'

/** What a connection that is reset is closed with: DOQ_INTERNAL_ERROR (RFC 9250, section 4.3), H3_INTERNAL_ERROR (RFC 9114, section 8.1). */
const INTERNAL_ERROR = { doq: 1, h3: 0x102 } as const
const NO_ERROR = { doq: 0, h3: 0x100 } as const
const MEDIA_TYPE = 'application/dns-message'
/** How long replies have to get out before a connection is closed, in ms: what is still on its way then is lost. */
const LINGER = 20

/** A port for DNS over QUIC (RFC 9250) or over HTTP/3 (RFC 8484, RFC 9114) that can be closed and opened again. */
export class FakeQuic implements FakeListener {
  readonly transport: 'doq' | 'h3'
  readonly #owner: FakeTlsOwner
  readonly #alpn: readonly string[]
  readonly #earlyData: boolean
  readonly #open = new Set<FakeQuicConnection>()
  /** Clients, by address and port, that nothing comes from and nothing goes to any more. */
  readonly #unheard = new Set<string>()
  /** A server that has forgotten everything can still say so. */
  readonly #resetKey = randomBytes(32)
  #server: QuicServer | null = null
  #socket: Socket | null = null
  #accepted = 0
  #handshakes = 0
  #early = 0

  /**
   * @param alpn application protocols to choose from (RFC 7301)
   * @param earlyData whether queries are taken before the handshake is complete
   */
  constructor(transport: 'doq' | 'h3', alpn: readonly string[], owner: FakeTlsOwner, earlyData = false) {
    this.transport = transport
    this.#alpn = alpn
    this.#owner = owner
    this.#earlyData = earlyData
  }

  get connections(): number {
    return this.#open.size
  }

  get accepted(): number {
    return this.#accepted
  }

  /** Handshakes that were completed. */
  get handshakes(): number {
    return this.#handshakes
  }

  /** Streams that came before their connection's handshake was complete. */
  get early(): number {
    return this.#early
  }

  async open(host: string, port: number): Promise<number> {
    const socket = await bindUdp(host, port, true)
    this.#socket = socket
    await this.#serve(socket)
    return socket.address().port
  }

  async close(): Promise<void> {
    const socket = this.#socket
    if (socket === null) return
    const closed = once(socket, 'close')
    this.#server?.destroy(NO_ERROR[this.transport])
    this.#socket = this.#server = null
    socket.close()
    await closed
    this.#unheard.clear()
  }

  /** Shows the identity's present certificate to who connects next. */
  renew(): void {
    this.#server?.setCertificate(this.#owner.identity.pem)
  }

  async #serve(socket: Socket): Promise<void> {
    const server = await QuicServer.create({
      ...this.#owner.identity.pem,
      alpn: this.#alpn,
      streams: 1000,
      earlyData: this.#earlyData,
      resetKey: this.#resetKey,
      onConnection: (connection) => this.#accept(connection),
    })
    // It may have been closed meanwhile.
    if (this.#socket !== socket) return server.destroy()
    this.#server = server
    server.attachLine((handler) => {
      const line = new SocketLine(socket, false, {
        onDatagram: (octets, address, from) => {
          if (!this.#unheard.has(`${address} ${from}`)) handler.onDatagram(octets, address, from)
        },
        onError: (error) => handler.onError(error),
      })
      return {
        get localPort() {
          return line.localPort
        },
        send: (octets, address, to) => {
          if (this.#server === server && !this.#unheard.has(`${address} ${to}`)) line.send(octets, address, to)
        },
        close: () => line.close(),
      }
    })
  }

  /** Another server takes over, which knows nothing; the old one says nothing any more. */
  #forget(): void {
    const [socket, server] = [this.#socket, this.#server]
    if (socket === null || server === null) return
    this.#server = null
    server.destroy()
    void this.#serve(socket)
  }

  #accept(connection: QuicConnection): ConnectionHandler {
    this.#accepted++
    const fault = this.#owner.greet(this.transport)
    const { address, port } = connection.remote
    if (fault === 'handshake-silence') this.#unheard.add(`${address} ${port}`)
    const fake = new FakeQuicConnection(this.transport, connection, this.#owner, {
      fault,
      onConnected: () => this.#handshakes++,
      onEarly: () => this.#early++,
      onSilent: () => this.#unheard.add(`${address} ${port}`),
      onForgotten: () => this.#forget(),
      onClosed: () => this.#open.delete(fake),
    })
    this.#open.add(fake)
    return fake
  }
}

/** What a connection tells its port. */
interface PortHands {
  readonly fault: HandshakeFault | null
  onConnected(): void
  onEarly(): void
  onSilent(): void
  onForgotten(): void
  onClosed(): void
}

/** A query that can be answered on its stream. */
interface Answerable {
  respond(wire: Buffer, delivery: Delivery): void
  /** Half of the reply. */
  begin(wire: Buffer): void
  reset(code: number): void
}

class FakeQuicConnection implements ConnectionHandler {
  readonly #transport: 'doq' | 'h3'
  readonly #connection: QuicConnection
  readonly #owner: FakeTlsOwner
  readonly #hands: PortHands
  readonly #replies = new FakeReplies()
  readonly #session: H3ServerSession | null

  constructor(transport: 'doq' | 'h3', connection: QuicConnection, owner: FakeTlsOwner, hands: PortHands) {
    this.#transport = transport
    this.#connection = connection
    this.#owner = owner
    this.#hands = hands
    const requests = {
      onRequest: (request: H3Request, head: ReceivedRequest) => this.#onRequest(request, head),
      onUnheard: () => undefined,
      onFault: () => undefined,
      onClosed: () => undefined,
    }
    this.#session =
      transport === 'h3'
        ? new H3ServerSession(connection, { wanted: ['content-type', 'content-length'], clock: systemClock }, requests)
        : null
  }

  onConnected(connection: QuicConnection): void {
    this.#hands.onConnected()
    if (this.#hands.fault === 'close-after-handshake') this.#connection.close(NO_ERROR[this.#transport])
    else this.#session?.onConnected(connection)
  }

  onStream(connection: QuicConnection, stream: QuicStream): StreamHandler {
    if (this.#session !== null) return this.#session.onStream(connection, stream)
    if (!connection.established) this.#hands.onEarly()
    return new FakeDoqStream(stream, (octets) => this.#owner.receive(octets), (wire, of) => this.#ask(wire, null, of)) // prettier-ignore
  }

  onCredit(connection: QuicConnection): void {
    this.#session?.onCredit(connection)
  }

  onClosed(...end: Parameters<ConnectionHandler['onClosed']>): void {
    this.#session?.onClosed(...end)
    this.#hands.onClosed()
  }

  #onRequest(request: H3Request, head: ReceivedRequest): RequestHandler {
    const body: Buffer[] = []
    const answer: Answerable = {
      respond: (wire, { status, headers }) => {
        const fields = { 'content-type': MEDIA_TYPE, 'content-length': String(wire.length), ...headers }
        request.respond(status, Object.entries(fields), wire)
      },
      begin: () => undefined,
      reset: () => request.cancel(),
    }
    return {
      onBody: (octets) => {
        this.#owner.receive(octets.length)
        body.push(octets)
      },
      onEnd: () => {
        const { method } = head
        const fields = { ':method': method, ':path': head.path, 'content-type': head.get('content-type') ?? undefined }
        const wire = readQuery(fields, Buffer.concat(body))
        if (typeof wire === 'number') return request.respond(wire, [], null)
        if (!this.#ask(wire, method === 'GET' ? 'GET' : 'POST', answer)) request.respond(400, [], null)
      },
      onGone: () => undefined,
    }
  }

  #ask(wire: Buffer, method: 'GET' | 'POST' | null, of: Answerable): boolean {
    const { address: remoteAddress, port: remotePort } = this.#connection.remote
    const arrival = { wire, transport: this.#transport, method, remoteAddress, remotePort }
    return this.#owner.ask(arrival, (delivery) => this.#deliver(delivery, of))
  }

  #deliver(delivery: Delivery, of: Answerable): void {
    if (delivery.ending === 'silence') return this.#hands.onSilent()
    if (delivery.ending === 'stateless-reset') return this.#hands.onForgotten()
    if (delivery.ending !== null) return this.#connection.close(INTERNAL_ERROR[this.#transport])
    if (delivery.rstStream !== null) return of.reset(delivery.rstStream)
    if (delivery.goaway !== null) this.#session?.goaway()
    for (const { wire, after } of delivery.packets) {
      const send = (): void => {
        this.#replies.add(
          delivery,
          () => this.#send(wire, delivery, of),
          () => this.#owner.after(LINGER, () => this.#connection.close(NO_ERROR[this.#transport])),
        )
      }
      if (after === 0) send()
      else this.#owner.after(after, send)
    }
  }

  #send(wire: Buffer, delivery: Delivery, of: Answerable): void {
    if (!delivery.midway) return of.respond(wire, delivery)
    of.begin(wire)
    this.#owner.after(LINGER, () => this.#connection.close(INTERNAL_ERROR[this.#transport]))
  }
}

/** A query of DNS over QUIC: its stream's whole content, behind a length. */
class FakeDoqStream implements StreamHandler, Answerable {
  readonly #stream: QuicStream
  readonly #receive: (octets: number) => void
  readonly #ask: (wire: Buffer, of: Answerable) => void
  readonly #received: Buffer[] = []

  constructor(stream: QuicStream, receive: (octets: number) => void, ask: (wire: Buffer, of: Answerable) => void) {
    this.#stream = stream
    this.#receive = receive
    this.#ask = ask
  }

  onData(octets: Buffer, fin: boolean): void {
    this.#receive(octets.length)
    this.#received.push(Buffer.from(octets))
    if (fin) this.#ask(Buffer.concat(this.#received).subarray(2), this)
  }

  onReset(): void {}
  onStopped(): void {}
  onLost(): void {}

  respond(wire: Buffer): void {
    this.#stream.write(frame(wire), true)
  }

  begin(wire: Buffer): void {
    this.#stream.write(frame(wire).subarray(0, 2 + wire.length / 2), false)
  }

  reset(code: number): void {
    this.#stream.cancel(code)
  }
}
