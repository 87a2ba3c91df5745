import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DnsError } from '../errors.js'
import type { ServiceOptions } from '../config/index.js'
import { contentTypeOf, exposition, formatFor, type MetricsSnapshot } from '../metrics/index.js'
import { hostPort, parseListenAddress } from '../server/listen-address.js'
import { serveStatus, type ServeStatusOptions } from '../status/index.js'

/** A page that is being served. */
interface Page {
  readonly url: string
  close(): Promise<void>
}

/** What is shown: the page takes objects as well as snapshots, a scraper gets snapshots. */
export interface Shown {
  readonly source: ServeStatusOptions['source']
  snapshot(): MetricsSnapshot | Promise<MetricsSnapshot>
  /** Lets in who isn't on this machine. */
  readonly token: string | undefined
}

/** The longest that a scraper may take for its request, in ms. */
const REQUEST_TIMEOUT = 10_000

/** The status page and the place of metrics, as they are wanted now. */
export class ServicePages {
  readonly #shown: Shown
  readonly #open = new Map<'status' | 'metrics', { readonly at: string; readonly page: Page }>()

  constructor(shown: Shown) {
    this.#shown = shown
  }

  /** Where they are, by what they are. */
  get urls(): readonly (readonly [string, string])[] {
    return [...this.#open].map(([name, { page }]) => [name, page.url])
  }

  /** Opens and closes what has changed. @throws {DnsError} as a rejection: one can't be opened, and the rest is as it was */
  async apply(service: ServiceOptions): Promise<void> {
    for (const name of ['status', 'metrics'] as const) {
      const at = service[name]
      const held = this.#open.get(name)
      if ((held?.at ?? null) === at) continue
      const page = at === null ? null : await this.#serve(name, at)
      this.#open.delete(name)
      if (page !== null) this.#open.set(name, { at: at!, page })
      await held?.page.close()
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map(({ page }) => page.close()))
    this.#open.clear()
  }

  #serve(name: 'status' | 'metrics', listen: string): Promise<Page> {
    const { source, token } = this.#shown
    if (name === 'metrics') return serveMetrics(listen, () => this.#shown.snapshot())
    return serveStatus({ source, listen, ...(token !== undefined && { token }) })
  }
}

/** OpenMetrics text at `/metrics`, for scrapers alone: it names upstreams, and nothing that clients ask. */
async function serveMetrics(listen: string, snapshot: Shown['snapshot']): Promise<Page> {
  const { host, port } = parseListenAddress(listen, 9153)[0]!
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT, headersTimeout: REQUEST_TIMEOUT },
    (request, response) => {
      if (request.url?.split('?')[0] !== '/metrics') return void response.writeHead(404).end()
      if (request.method !== 'GET' && request.method !== 'HEAD') return void response.writeHead(405, { allow: 'GET, HEAD' }).end() // prettier-ignore
      const format = formatFor(request.headers.accept)
      Promise.resolve(snapshot()).then(
        (read) => response.writeHead(200, { 'content-type': contentTypeOf(format) }).end(exposition(read, { format })),
        () => response.writeHead(503).end(),
      )
    },
  )
  server.maxConnections = 64
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new DnsError('ERR_DNS_LISTEN', `metrics cannot be served on ${hostPort(host, port)}: ${cause.message}`, { cause })) // prettier-ignore
    })
    server.listen({ host, port }, resolve)
  })
  const bound = server.address() as AddressInfo
  return {
    url: `http://${hostPort(bound.address, bound.port)}/metrics`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
