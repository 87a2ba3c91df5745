import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { DnsError } from '../errors.js'
import { connectFailure, lateFailure } from './failure.js'
import { opened } from './opened.js'
import { Race } from './race.js'
import { StreamTransport } from './stream-transport.js'
import type { TransportOptions } from './transport.js'

/** Begins a connection. */
export type Connect = (options: NetConnectOpts) => Socket

/** DNS over TCP (RFC 7766). */
export class TcpTransport extends StreamTransport {
  /** @param open begins connections; Node's own unless a test brings another */
  constructor(options: TransportOptions, open: Connect = connect) {
    const { name, port, clock, connectTimeout } = options
    const race = new Race(options, async (address, deadline, signal) => {
      const peer = { name, address, port, source: options.source(address) }
      try {
        const socket = open({
          host: address,
          port,
          noDelay: true,
          ...(peer.source !== null && { localAddress: peer.source }),
        })
        socket.unref()
        await opened(socket, 'connect', {
          clock,
          deadline,
          signal,
          late: lateFailure(peer, 'accept a connection', connectTimeout),
        })
        return socket
      } catch (error) {
        throw error instanceof DnsError ? error : connectFailure(peer, error)
      }
    })
    super(options, (signal) => race.run(signal))
  }
}
