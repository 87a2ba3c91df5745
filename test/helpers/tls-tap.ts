import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

const HANDSHAKE = 22
const SERVER_HELLO = 2
const PRE_SHARED_KEY = 41

/** Stands between a client and a TLS server on loopback, passes all octets on, and looks at what is not encrypted. */
export class TlsTap {
  /** Of each connection, in order: whether the server resumed a session (RFC 8446, section 4.2.11); null: no ServerHello yet. */
  readonly resumed: (boolean | null)[] = []
  readonly #server: Server
  readonly #open = new Set<Socket>()

  private constructor(server: Server) {
    this.#server = server
  }

  /** Listens on a free port, and connects to `port` for everyone who comes. */
  static async start(port: number): Promise<TlsTap> {
    const server = createServer({ noDelay: true })
    const tap = new TlsTap(server)
    server.on('connection', (client: Socket) => tap.#join(client, connect({ port, host: '127.0.0.1', noDelay: true })))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return tap
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Ends every connection in order, as a server does that has waited long enough. */
  cut(): void {
    for (const socket of this.#open) socket.end()
  }

  async stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(client: Socket, server: Socket): void {
    const nth = this.resumed.push(null) - 1
    let seen = Buffer.alloc(0)
    server.on('data', (chunk: Buffer) => {
      if (this.resumed[nth] !== null) return
      seen = Buffer.concat([seen, chunk])
      this.resumed[nth] = resumedBy(seen)
    })
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      // prettier-ignore
      this.#open.add(from)
      from.on('error', () => to.destroy())
      from.once('close', () => this.#open.delete(from))
      from.pipe(to)
    }
  }
}

/** Whether the ServerHello at the front of these octets takes up a session; null when it isn't whole. */
function resumedBy(octets: Buffer): boolean | null {
  if (octets.length < 5 || octets.length < 5 + octets.readUInt16BE(3)) return null
  if (octets[0] !== HANDSHAKE || octets[5] !== SERVER_HELLO) return false
  let at = 5 + 4 + 2 + 32
  at += 1 + octets.readUInt8(at) + 2 + 1
  const end = at + 2 + octets.readUInt16BE(at)
  for (at += 2; at < end; at += 4 + octets.readUInt16BE(at + 2)) {
    if (octets.readUInt16BE(at) === PRE_SHARED_KEY) return true
  }
  return false
}
