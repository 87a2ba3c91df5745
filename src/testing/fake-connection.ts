import type { Socket } from 'node:net'
import type { TransportName } from '../exchanger.js'
import type { AskedQuery } from './fake-answers.js'
import type { Delivery } from './fake-delivery.js'
import { FakeReplies } from './fake-replies-in-turn.js'

/** Octets that may be a query, and how they came. */
export type Arrival = Pick<AskedQuery, 'wire' | 'transport' | 'method' | 'remoteAddress' | 'remotePort'>

/** What the ports of a server and the connections on them need of it. */
export interface FakeOwner {
  /** Something came. `deliver` is told how to answer it, at once or later, if at all. Returns false: it is no query. */
  ask(arrival: Arrival, deliver: (delivery: Delivery) => void): boolean
  /** Octets of application data came. */
  receive(octets: number): void
  /** Runs `fn` after `ms`, unless the server is closed by then. */
  after(ms: number, fn: () => void): void
}

interface Outgoing {
  readonly octets: Buffer
  /** Milliseconds between octets; 0: all at once. */
  readonly ms: number
  readonly sent: (() => void) | undefined
}

/** One connection that a client has made to a FakeServer: what goes out on it in which order, and what goes wrong with it. */
export class FakeConnection {
  readonly transport: TransportName
  readonly remoteAddress: string
  readonly remotePort: number
  readonly #socket: Socket
  readonly #tcp: Socket
  readonly #owner: FakeOwner
  /** What waits behind something slow. */
  readonly #queue: Outgoing[] = []
  readonly #replies = new FakeReplies()
  #silent = false
  #ended = false

  /**
   * @param tcp the connection itself
   * @param socket what is read and written: `tcp`, or TLS over it
   */
  constructor(transport: TransportName, tcp: Socket, socket: Socket, owner: FakeOwner) {
    this.transport = transport
    this.#tcp = tcp
    this.#socket = socket
    this.#owner = owner
    this.remoteAddress = tcp.remoteAddress ?? ''
    this.remotePort = tcp.remotePort ?? 0
    // The client may go as it likes: that is no fault of the test.
    socket.on('error', () => undefined)
  }

  /** Begins to read. */
  read(onData: (chunk: Buffer) => void, onClose: () => void = () => undefined): void {
    this.#socket.once('close', onClose)
    this.#socket.on('data', (chunk: Buffer) => {
      this.#owner.receive(chunk.length)
      if (!this.#silent) onData(chunk)
    })
  }

  /**
   * Sends the replies of `delivery` by `send` when their time has come, or lets the connection end instead. `finish`
   * closes it once what was sent is out.
   */
  deliver(delivery: Delivery, send: (wire: Buffer) => void, finish: () => void): void {
    if (delivery.ending !== null) return this.#meet(delivery.ending)
    for (const { wire, after } of delivery.packets) {
      const reply = (): void => this.#replies.add(delivery, () => send(wire), finish)
      if (after === 0) reply()
      else this.#owner.after(after, reply)
    }
  }

  /** Writes `octets`, `ms` between one and the next; after what is still on its way. `sent` is called when they are out. */
  write(octets: Buffer, ms = 0, sent?: () => void): void {
    if (this.#silent || this.#ended) return
    this.#queue.push({ octets, ms, sent })
    if (this.#queue.length === 1) this.#drain(0)
  }

  /** Closes our side, after what is still on its way. */
  end(): void {
    this.#ended = true
    if (this.#queue.length === 0) this.#socket.end()
  }

  /** Resets the connection. */
  reset(): void {
    this.#tcp.resetAndDestroy()
  }

  #meet(ending: NonNullable<Delivery['ending']>): void {
    if (ending === 'reset') this.reset()
    else if (ending === 'half-close') this.end()
    else this.#silent = true
  }

  /** @param at octets of the first in the queue that are out */
  #drain(at: number): void {
    const next = this.#queue[0]
    if (this.#socket.destroyed || this.#silent) return
    if (next === undefined) return void (this.#ended && this.#socket.end())
    const end = next.ms === 0 ? next.octets.length : at + 1
    if (end < next.octets.length) {
      this.#socket.write(next.octets.subarray(at, end))
      return this.#owner.after(next.ms, () => this.#drain(end))
    }
    this.#socket.write(next.octets.subarray(at, end), next.sent)
    this.#queue.shift()
    this.#drain(0)
  }
}
