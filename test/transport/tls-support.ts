import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { createServer, type Server, type TlsOptions, type TLSSocket } from 'node:tls'
import { FakeAuthority } from '../../src/testing/fake-authority.js'
import { frame, FrameReader } from '../../src/transport/framing.js'
import type { TlsSettings } from '../../src/transport/tls-options.js'
import { Message } from '../../src/wire/message.js'

/** Whom the tests trust. */
export const authority = new FakeAuthority('trusted')

/** What the server of most tests shows: `dns.test` and 127.0.0.1. */
export const good = authority.issue({ names: ['dns.test', '127.0.0.1'] })

/** How `dns.test` is authenticated. */
export function settingsFor(given: Partial<TlsSettings> = {}): TlsSettings {
  return {
    ca: authority.cert,
    servername: null,
    ciphers: null,
    ciphersuites: null,
    minVersion: 'TLSv1.2',
    cert: null,
    key: null,
    rejectUnauthorized: true,
    pins: [],
    earlyData: false,
    identity: 'dns.test',
    hashes: [],
    ...given,
  }
}

/** A TLS server of a test's own that answers queries and counts every octet that comes once a connection is secure. */
export class TlsPeer {
  /** Connections whose handshake was finished. */
  readonly secured: TLSSocket[] = []
  readonly queries: Message[] = []
  /** Connections, whatever became of them, and those that are open. */
  accepted = 0
  open = 0
  /** Handshakes that resumed a session. */
  resumed = 0
  octets = 0
  /** What to do with a query instead of answering it. */
  onQuery: ((query: Message, socket: TLSSocket) => void) | null = null
  readonly #server: Server
  readonly #raw = new Map<number | undefined, Socket>()

  constructor(options: TlsOptions) {
    this.#server = createServer({ ...good, ALPNProtocols: ['dot'], ...options })
    this.#server.on('secureConnection', (socket) => this.#serve(socket))
    this.#server.on('tlsClientError', () => undefined)
    this.#server.on('connection', (socket: Socket) => {
      this.accepted++
      this.open++
      this.#raw.set(socket.remotePort, socket)
      socket.on('close', () => this.open--)
    })
  }

  static async listen(options: TlsOptions = {}, host = '127.0.0.1', port = 0): Promise<TlsPeer> {
    const peer = new TlsPeer(options)
    peer.#server.listen(port, host)
    await once(peer.#server, 'listening')
    return peer
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Shows another certificate from now on. Tickets that were given out serve as before. */
  show(certificate: { readonly cert: string; readonly key: string }): void {
    const ticketKeys = this.#server.getTicketKeys()
    this.#server.setSecureContext({ cert: certificate.cert, key: certificate.key })
    this.#server.setTicketKeys(ticketKeys)
  }

  /** Ends a connection by RST. */
  reset({ remotePort }: TLSSocket): void {
    this.#raw.get(remotePort)!.resetAndDestroy()
  }

  /** No ticket that was given out serves any more. */
  forget(): void {
    this.#server.setTicketKeys(Buffer.alloc(48, this.accepted))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.secured) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #serve(socket: TLSSocket): void {
    const reader = new FrameReader()
    this.secured.push(socket)
    if (socket.isSessionReused()) this.resumed++
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      this.octets += chunk.length
      reader.push(chunk, (wire) => this.#take(new Message(Buffer.from(wire)), socket))
    })
  }

  #take(query: Message, socket: TLSSocket): void {
    this.queries.push(query)
    if (this.onQuery !== null) return this.onQuery(query, socket)
    if (!socket.writableEnded) socket.write(frame(answer(query)))
  }
}

/** A reply with one record, which says the first label of the name as the last octet. */
export function answer(query: Message): Buffer {
  const { name } = query.question!
  const data = `192.0.2.${Number.parseInt(name, 10) % 256 || 1}`
  return Message.reply(query, { answers: [{ name, type: 'A', ttl: 9, data }] }).wire
}
