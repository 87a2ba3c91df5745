import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { once } from 'node:events'
import type { FakeOwner } from './fake-connection.js'
import type { FakeListener } from './fake-port.js'

/** What the kernel is asked to hold, in octets: a busy test must not lose queries that it didn't mean to lose. */
const RECEIVE_BUFFER = 2 ** 20

/** A UDP port that can be closed and opened again. */
export class FakeUdp implements FakeListener {
  readonly connections = 0
  readonly accepted = 0
  readonly #owner: FakeOwner
  #socket: Socket | null = null

  constructor(owner: FakeOwner) {
    this.#owner = owner
  }

  async open(host: string, port: number): Promise<number> {
    const socket = (this.#socket = createSocket(host.includes(':') ? 'udp6' : 'udp4'))
    socket.bind({ address: host, port, exclusive: true })
    await once(socket, 'listening')
    socket.setRecvBufferSize(RECEIVE_BUFFER)
    // ICMP errors of clients that have gone are not ours.
    socket.on('error', () => undefined)
    socket.on('message', (wire, from) => this.#onDatagram(wire, from))
    return socket.address().port
  }

  async close(): Promise<void> {
    const socket = this.#socket
    this.#socket = null
    if (socket !== null) await new Promise<void>((resolve) => socket.close(resolve))
  }

  #onDatagram(wire: Buffer, from: RemoteInfo): void {
    this.#owner.receive(wire.length)
    const send = (octets: Buffer): void => this.#socket?.send(octets, from.port, from.address)
    const { address: remoteAddress, port: remotePort } = from
    this.#owner.ask({ wire, transport: 'udp', method: null, remoteAddress, remotePort }, (delivery) => {
      for (const packet of delivery.packets) {
        if (packet.after === 0) send(packet.wire)
        else this.#owner.after(packet.after, () => send(packet.wire))
      }
    })
  }
}
