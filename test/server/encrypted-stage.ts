import { connect as connectHttp2, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo, NetConnectOpts } from 'node:net'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { Exchanger } from '../../src/exchanger.js'
import { createServer, type Server, type ServerOptions } from '../../src/server/server.js'
import { FakeAuthority } from '../../src/testing/fake-authority.js'
import { later, TcpClient } from './stage.js'

/** Issues what the servers here show, and is trusted by the clients here. */
export const authority = new FakeAuthority()
/** What the servers here show unless told otherwise. */
export const issued = authority.issue()
const { cert, key } = issued

/** A server with a listener for TLS and one for HTTPS on loopback ports, destroyed after the test. */
export async function serveEncrypted(
  root: Exchanger,
  options: ServerOptions = {},
): Promise<{ server: Server; tls: number; https: number }> {
  const server = await createServer(root, {
    ...options,
    tls: { listen: '127.0.0.1:0', cert, key, ...options.tls },
    https: { listen: '127.0.0.1:0', cert, key, ...options.https },
  })
  later(() => server.destroy())
  const portOf = (name: string): number => server.addresses.find(({ transport }) => transport === name)!.port
  return { server, tls: portOf('tls'), https: portOf('https') }
}

/** A client of DNS over TLS. */
export class DotClient extends TcpClient {
  constructor(port: number, options: ConnectionOptions = {}, localAddress = '127.0.0.1') {
    super(port, localAddress, ((at: NetConnectOpts) => connectTls({ ...at, ca: authority.cert, ...options } as ConnectionOptions)) as never) // prettier-ignore
  }

  get tls(): TLSSocket {
    return this.socket as TLSSocket
  }

  /** Resolves after the handshake; rejects when it fails. */
  secured(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.tls.once('secureConnect', () => resolve())
      this.tls.once('error', reject)
      this.tls.once('close', () => reject(new Error('closed')))
    })
  }
}

/** What an HTTP server replied. */
export interface HttpReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** How the stream ended: 0 is well. */
  readonly code: number
}

/** A client of DNS over HTTPS, on one connection. */
export class DohClient {
  readonly session: ClientHttp2Session
  /** Resolves when the connection is gone, however. */
  readonly closed: Promise<void>

  constructor(port: number, localAddress = '127.0.0.1') {
    this.session = connectHttp2(`https://localhost:${port}`, {
      createConnection: () =>
        connectTls({
          port,
          host: '127.0.0.1',
          localAddress,
          servername: 'localhost',
          ca: authority.cert,
          ALPNProtocols: ['h2'],
        } as ConnectionOptions),
    })
    this.session.on('error', () => undefined)
    this.closed = new Promise((resolve) => this.session.once('close', () => resolve()))
    later(() => this.session.destroy())
  }

  get localPort(): number {
    return (this.session.socket.address() as AddressInfo).port
  }

  connected(): Promise<void> {
    return new Promise((resolve) => this.session.once('connect', () => resolve()))
  }

  /** Settles when the stream is closed; `body` is sent whole, none at all where it is null. */
  request(headers: Record<string, string | number>, body: Buffer | null = null): Promise<HttpReply> {
    const stream = this.session.request(headers, { endStream: body === null })
    if (body !== null) stream.end(body)
    const chunks: Buffer[] = []
    let got: IncomingHttpHeaders = {}
    stream.on('response', (response) => (got = response))
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', () => undefined)
    return new Promise((resolve) => {
      stream.on('close', () => {
        const status = Number((got as Record<string, unknown>)[':status'] ?? 0)
        resolve({ status, headers: got, body: Buffer.concat(chunks), code: stream.rstCode ?? 0 })
      })
    })
  }

  get(octets: Buffer, path = '/dns-query'): Promise<HttpReply> {
    return this.request({ ':path': `${path}?dns=${octets.toString('base64url')}` })
  }

  post(octets: Buffer, headers: Record<string, string | number> = {}): Promise<HttpReply> {
    const fields = { ':method': 'POST', ':path': '/dns-query', 'content-type': 'application/dns-message', ...headers }
    return this.request(fields, octets)
  }
}
