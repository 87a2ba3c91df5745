import { once } from 'node:events'
import { connect as connectHttp, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import type { FakeServer } from '../../src/testing/fake-server.js'
import { Message } from '../../src/wire/message.js'
import { frame } from '../helpers/raw-dns.js'

// Clients that share no code with the library's transports: Node's own.

/** The octets of a query for `name`, A. */
export function queryFor(name = 'example.com', id = 0): Buffer {
  return Message.query(name, 'A', { id }).wire
}

/** A TLS connection to `server` once it is ready; rejects when it can't be made or the server isn't who it should be. */
export async function dialTls(server: FakeServer, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: server.portOf('tls'), ca: server.ca, ...options })
  await once(socket, 'secureConnect')
  socket.on('error', () => undefined)
  return socket
}

/** Sends `wires` and collects the messages that come until the connection closes, or there are `count` of them. */
export function converse(
  socket: TLSSocket,
  wires: readonly Buffer[],
  count = wires.length,
): Promise<{ readonly replies: Buffer[]; readonly rest: Buffer; readonly error: string | null }> {
  return new Promise((resolve) => {
    const replies: Buffer[] = []
    let rest = Buffer.alloc(0)
    let error: string | null = null
    const done = (): void => resolve({ replies, rest, error })
    socket.on('error', (cause: NodeJS.ErrnoException) => (error = cause.code ?? cause.message))
    socket.once('close', done)
    socket.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        replies.push(rest.subarray(2, 2 + rest.readUInt16BE(0)))
        rest = rest.subarray(2 + rest.readUInt16BE(0))
      }
      if (replies.length >= count) done()
    })
    socket.write(Buffer.concat(wires.map(frame)))
  })
}

/** One exchange on a connection of its own. */
export async function askTls(server: FakeServer, wire: Buffer, options?: ConnectionOptions): Promise<Buffer | null> {
  const socket = await dialTls(server, options)
  const { replies } = await converse(socket, [wire])
  socket.destroy()
  return replies[0] ?? null
}

/** An HTTP/2 session to `server`. */
export async function dialHttps(server: FakeServer): Promise<ClientHttp2Session> {
  const session = connectHttp(`https://127.0.0.1:${server.portOf('https')}`, { ca: server.ca })
  session.on('error', () => undefined)
  await once(session, 'connect')
  return session
}

/** How a request ended. */
export interface Response {
  /** 0: there was no response. */
  readonly status: number
  readonly headers: Record<string, string>
  readonly body: Buffer
  /** What RST_STREAM said; 0: there was none. */
  readonly code: number
}

/** Asks over HTTP/2 by POST, unless `headers` say otherwise. */
export function post(
  session: ClientHttp2Session,
  wire: Buffer | null,
  headers: OutgoingHttpHeaders = {},
): Promise<Response> {
  return new Promise((resolve) => {
    const request = session.request({
      ':method': 'POST',
      ':path': '/dns-query',
      ...(wire === null ? {} : { 'content-type': 'application/dns-message' }),
      ...headers,
    })
    const body: Buffer[] = []
    let got: Record<string, string> = {}
    request.on('response', (fields) => (got = fields as Record<string, string>))
    request.on('data', (chunk: Buffer) => body.push(chunk))
    request.on('error', () => undefined)
    request.once('close', () =>
      resolve({
        status: Number(got[':status'] ?? 0),
        headers: got,
        body: Buffer.concat(body),
        code: request.rstCode ?? 0,
      }),
    )
    if (wire === null) request.end()
    else request.end(wire)
  })
}

/** Asks over HTTP/2 by GET. */
export function get(session: ClientHttp2Session, wire: Buffer): Promise<Response> {
  return post(session, null, { ':method': 'GET', ':path': `/dns-query?dns=${wire.toString('base64url')}` })
}
