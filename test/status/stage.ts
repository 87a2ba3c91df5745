import { createServer, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Forwarder } from 'headrace'
import {
  createStatusHandler,
  type StatusHandler,
  type StatusOptions,
  type StatusReport,
  type StatusSource,
} from 'headrace/status'
import { FakeClock, FakeUpstream } from 'headrace/testing'
import { afterEach } from 'vitest'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Runs after the test, the last one first. */
export function later(cleanup: () => unknown): void {
  cleanups.push(cleanup)
}

export const TOKEN = 'a-token-of-some-length'

/** Scripted upstreams behind a forwarder with a cache. */
export function forwarderOf(...names: readonly string[]): {
  readonly clock: FakeClock
  readonly forwarder: Forwarder
  readonly upstreams: readonly FakeUpstream[]
  ask(name: string): Promise<unknown>
} {
  // A date: samples are told apart by it.
  const clock = new FakeClock(1_700_000_000_000)
  const upstreams = names.map((name) => new FakeUpstream(name, { after: 4 }, { clock }))
  const forwarder = new Forwarder({ upstreams, strategy: 'failover', health: false, cache: {}, clock })
  later(() => forwarder.destroy())
  return {
    clock,
    forwarder,
    upstreams,
    ask: (name) => clock.run(forwarder.query(name).catch((error: unknown) => error)),
  }
}

export interface Answered {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A handler on a loopback port, and how to ask it. */
export async function handlerFor(
  source: StatusSource,
  options: StatusOptions = {},
): Promise<{
  readonly handler: StatusHandler
  readonly url: string
  ask(path: string, ask?: Ask): Promise<Answered>
  report(since?: number): Promise<StatusReport>
}> {
  const handler = createStatusHandler(source, options)
  const server = createServer(handler)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  later(() => {
    handler.close()
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  const ask = (path: string, asked?: Ask) => askFor(`http://127.0.0.1:${port}${path}`, asked)
  const report = async (since = 0) => JSON.parse((await ask(`/status.json?since=${since}`)).body) as StatusReport
  return { handler, url: `http://127.0.0.1:${port}/`, ask, report }
}

/** One request, with headers that fetch() would not let through. */
export function askFor(url: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(chunks).toString() })) // prettier-ignore
    })
    request.on('error', reject)
    request.end(body)
  })
}
