import type { Socket } from 'node:net'
import { frame, FrameReader } from '../transport/framing.js'
import { FakeConnection, type FakeOwner } from './fake-connection.js'
import { FakePort } from './fake-port.js'

/** A port for DNS over TCP. */
export class FakeTcp extends FakePort {
  readonly #owner: FakeOwner

  constructor(owner: FakeOwner) {
    super()
    this.#owner = owner
  }

  protected override serve(socket: Socket): void {
    serveStream(new FakeConnection('tcp', socket, socket, this.#owner), this.#owner)
  }
}

/** Answers what comes on `connection` as messages behind their length, as tcp and tls have them. */
export function serveStream(connection: FakeConnection, owner: FakeOwner): void {
  const { transport, remoteAddress, remotePort } = connection
  const reader = new FrameReader()
  const onMessage = (wire: Buffer): void => {
    owner.ask({ wire, transport, method: null, remoteAddress, remotePort }, (delivery) => {
      const send = (reply: Buffer): void => {
        const octets = frame(reply)
        if (!delivery.midway) return connection.write(octets, delivery.slow)
        connection.write(octets.subarray(0, octets.length / 2), delivery.slow, () => connection.reset())
      }
      connection.deliver(delivery, send, () => connection.end())
    })
  }
  connection.read((chunk) => reader.push(chunk, onMessage))
}
