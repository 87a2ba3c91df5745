import type { Socket } from 'node:net'
import { frame, FrameReader } from '../transport/framing.js'
import type { Delivery } from './fake-faults.js'

/** What a connection needs from its server. */
export interface FakeStreamOwner {
  onQuery(wire: Buffer, stream: FakeStream): void
  /** Runs `fn` after `ms`, unless the server is closed by then. */
  after(ms: number, fn: () => void): void
}

/** One connection that a client has made to a FakeServer. */
export class FakeStream {
  readonly remoteAddress: string
  readonly remotePort: number
  readonly #socket: Socket
  readonly #owner: FakeStreamOwner
  readonly #reader = new FrameReader()
  /** Frames that go out octet by octet, one behind the other. */
  #slow: Buffer[] = []
  #gathered: Buffer[] = []
  #replies = 0

  constructor(socket: Socket, owner: FakeStreamOwner) {
    this.#socket = socket
    this.#owner = owner
    this.remoteAddress = socket.remoteAddress ?? ''
    this.remotePort = socket.remotePort ?? 0
    socket.setNoDelay(true)
    // The client may go as it likes: that is no fault of the test.
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => this.#reader.push(chunk, (wire) => owner.onQuery(wire, this)))
  }

  deliver(delivery: Delivery): void {
    if (delivery.ending === 'reset') return void this.#socket.resetAndDestroy()
    if (delivery.ending === 'half-close') return void this.#socket.end()
    for (const { wire, after } of delivery.packets) {
      if (after === 0) this.#send(wire, delivery)
      else this.#owner.after(after, () => this.#send(wire, delivery))
    }
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #send(wire: Buffer, delivery: Delivery): void {
    if (this.#socket.destroyed || this.#replies >= delivery.closeAfter) return
    this.#replies++
    if (delivery.gather > 0) this.#gather(frame(wire), delivery.gather)
    else if (delivery.slow > 0) this.#sendSlowly(frame(wire), delivery.slow)
    else this.#socket.write(frame(wire))
    if (this.#replies >= delivery.closeAfter) this.#socket.end()
  }

  #gather(framed: Buffer, count: number): void {
    this.#gathered.push(framed)
    if (this.#gathered.length < count) return
    this.#socket.write(Buffer.concat(this.#gathered.reverse()))
    this.#gathered = []
  }

  #sendSlowly(framed: Buffer, ms: number): void {
    this.#slow.push(framed)
    if (this.#slow.length > 1) return
    let at = 0
    const step = (): void => {
      const current = this.#slow[0]
      if (current === undefined || this.#socket.destroyed) return
      this.#socket.write(current.subarray(at, ++at))
      if (at === current.length) {
        this.#slow.shift()
        at = 0
      }
      if (this.#slow.length > 0) this.#owner.after(ms, step)
    }
    step()
  }
}
