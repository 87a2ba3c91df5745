import type { IncomingMessage, ServerResponse } from 'node:http'
import { beginEvents, json, respond } from './responses.js'
import type { Sampler } from './sampler.js'

/** Pages that may watch at the same time: each costs a report every interval. */
const MAX_STREAMS = 32
/** Octets that may wait for a page that reads slower than it is told; then it is let go. */
const MAX_WAITING = 2 ** 20

/** Pages that are told of each sample as it is taken. */
export class Streams {
  readonly #sampler: Sampler
  readonly #open = new Set<ServerResponse>()

  constructor(sampler: Sampler) {
    this.#sampler = sampler
  }

  /** Tells `response` everything, and then what each sample adds. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    if (this.#open.size >= MAX_STREAMS)
      return respond(request, response, {
        status: 503,
        body: 'Too many pages are watching.',
        headers: { 'retry-after': '10' },
      })
    beginEvents(response)
    this.#open.add(response)
    let since = 0
    const tell = async (): Promise<void> => {
      if (response.writableLength > MAX_WAITING) return void response.destroy()
      const report = await this.#sampler.report(since)
      since = report.times.at(-1) ?? since
      if (!response.destroyed) response.write(`data: ${json(report)}\n\n`)
    }
    const unwatch = this.#sampler.watch(() => void tell())
    response.on('close', () => {
      unwatch()
      this.#open.delete(response)
    })
    void tell()
  }

  close(): void {
    for (const response of this.#open) response.destroy()
  }
}
