import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { withTimeLimit } from '../base/time-limit.js'
import { DnsError } from '../errors.js'
import { StreamTransport } from './stream-transport.js'
import type { Dial } from './stream.js'
import type { TransportOptions } from './transport.js'

/** Begins a connection. */
export type Connect = (options: NetConnectOpts) => Socket

/** DNS over TCP (RFC 7766). */
export class TcpTransport extends StreamTransport {
  /** @param open begins connections; Node's own unless a test brings another */
  constructor(options: TransportOptions, open: Connect = connect) {
    super(options, dialTcp(options, open))
  }
}

/** Connects within `connectTimeout`, or rejects with ERR_DNS_CONNECT or the system's error. */
function dialTcp(options: TransportOptions, open: Connect): Dial {
  const { name, connectTimeout, clock } = options
  return (signal) =>
    withTimeLimit(
      connectTcp(options, open, signal),
      connectTimeout,
      clock,
      new DnsError('ERR_DNS_CONNECT', `${name} did not accept a connection within ${connectTimeout} ms`, {
        upstream: name,
      }),
    )
}

/** `signal` ends it as long as the connection isn't up. */
function connectTcp(options: TransportOptions, open: Connect, signal: AbortSignal): Promise<Socket> {
  const { addresses, port } = options
  const address = addresses[0]!
  const source = options.source(address)
  return new Promise((resolve, reject) => {
    const socket = open({ host: address, port, noDelay: true, ...(source !== null && { localAddress: source }) })
    const stop = (): void => void socket.destroy(new Error('gave up connecting'))
    let failure: unknown = null
    socket.once('error', (error) => (failure = error))
    // Only then is the socket gone.
    socket.once('close', () => reject(failure))
    socket.once('connect', () => {
      signal.removeEventListener('abort', stop)
      resolve(socket)
    })
    socket.unref()
    signal.addEventListener('abort', stop, { once: true })
  })
}
