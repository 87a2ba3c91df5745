import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { askTcp } from './raw-dns.js'

/** DNS over HTTP in the clear, for proxies that speak HTTP/3 to stand in front of: every query goes on to a DNS server over TCP. */
export class DohBackend {
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  /** @param upstream loopback port of the DNS server */
  static async start(upstream: number): Promise<DohBackend> {
    const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      queryOf(request)
        .then((query) => askTcp(upstream, query))
        .then(
          (reply) => {
            if (reply === null) return void response.writeHead(502).end()
            const fields = { 'content-type': 'application/dns-message', 'content-length': reply.length }
            response.writeHead(200, { ...fields, 'cache-control': 'max-age=300' }).end(reply)
          },
          () => response.writeHead(502).end(),
        )
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new DohBackend(server)
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

async function queryOf(request: IncomingMessage): Promise<Buffer> {
  if (request.method === 'GET') {
    return Buffer.from(new URL(request.url ?? '', 'http://localhost').searchParams.get('dns') ?? '', 'base64url')
  }
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
