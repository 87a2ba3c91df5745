import type { Buffer } from 'node:buffer'
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { Line, LineHandler, LineTarget } from './line.js'

/** Octets that the system is asked to keep for us while we are busy; it may give less. */
const RECEIVE_BUFFER = 4 * 2 ** 20

type Lookup = (host: string, options: unknown, done: (error: null, address: string, family: number) => void) => void

/** Every address is an IP address already, so nothing need be waited for. */
const asItIs: Lookup = (host, _options, done) => done(null, host, isIPv6(host) ? 6 : 4)

const ignored = (): void => {}

/** A connected UDP socket on a random port, which never holds the process. */
export function dialUdp(target: LineTarget, handler: LineHandler): Line {
  return new UdpLine(target, handler)
}

class UdpLine implements Line {
  readonly #socket: Socket
  /** What was sent before the socket was connected; null once it is. */
  #early: Buffer[] | null = []
  #closed = false
  /** Whether the peer has said anything: what the system complains of from then on may be anybody's doing, and is not asked for. */
  #heard = false
  readonly #sent: (error: Error | null) => void

  constructor({ address, port, source }: LineTarget, handler: LineHandler) {
    this.#socket = createSocket({ type: isIPv6(address.split('%')[0]!) ? 'udp6' : 'udp4', lookup: asItIs })
    this.#socket.on('message', (octets) => {
      this.#heard = true
      handler.onDatagram(octets, address, port)
    })
    this.#socket.on('error', (error) => handler.onError(error))
    this.#sent = (error) => {
      if (error !== null && !this.#closed) handler.onError(error)
    }
    this.#socket.unref()
    const connect = () =>
      // Its error goes to its callback, which the types of Node leave out.
      this.#socket.connect(port, address, ((error?: Error) => {
        if (error) return this.#sent(error)
        enlarge(this.#socket)
        this.#flush()
      }) as () => void)
    if (source === null) connect()
    else this.#socket.bind(0, source, connect)
  }

  get localPort(): number {
    try {
      return this.#socket.address().port
    } catch {
      return 0
    }
  }

  send(octets: Buffer): void {
    if (this.#early !== null) this.#early.push(octets)
    else if (this.#heard) this.#socket.send(octets)
    else this.#socket.send(octets, this.#sent)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#early = []
    this.#socket.close()
  }

  #flush(): void {
    const early = this.#early
    if (this.#closed || early === null) return
    this.#early = null
    for (const octets of early) this.send(octets)
  }
}

/** A server's socket: who made it closes it. */
export class SocketLine implements Line {
  readonly #socket: Socket
  readonly #owned: boolean
  readonly #onMessage: (octets: Buffer, from: { address: string; port: number }) => void
  #closed = false
  readonly #onClose = (): void => void (this.#closed = true)

  constructor(socket: Socket, owned: boolean, handler: LineHandler) {
    this.#socket = socket
    this.#owned = owned
    this.#onMessage = (octets, from) => handler.onDatagram(octets, from.address, from.port)
    enlarge(socket)
    socket.on('message', this.#onMessage)
    socket.on('error', ignored)
    socket.on('close', this.#onClose)
  }

  get localPort(): number {
    return this.#closed ? 0 : this.#socket.address().port
  }

  send(octets: Buffer, address: string, port: number): void {
    // Without a callback dgram keeps send errors to itself, which are one peer's matter.
    if (!this.#closed) this.#socket.send(octets, port, address)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.off('message', this.#onMessage)
    this.#socket.off('close', this.#onClose)
    if (this.#owned) this.#socket.close()
    else this.#socket.off('error', ignored)
  }
}

/**
 * A bound socket for a server. `exclusive`: not shared with other processes of a cluster.
 *
 * @throws the system's error, such as EADDRINUSE
 */
export function bindUdp(address: string, port: number, exclusive = false): Promise<Socket> {
  const socket = createSocket({
    type: isIPv6(address.split('%')[0]!) ? 'udp6' : 'udp4',
    ipv6Only: false,
    lookup: asItIs,
  })
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close()
      reject(error)
    })
    socket.bind({ port, address, exclusive }, () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
  })
}

function enlarge(socket: Socket): void {
  try {
    socket.setRecvBufferSize(RECEIVE_BUFFER)
  } catch {
    // Not on every system; what it has will do.
  }
}
