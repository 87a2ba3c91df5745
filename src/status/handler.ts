import type { IncomingMessage, ServerResponse } from 'node:http'
import { readOptions, type OptionValues } from '../base/options.js'
import { contentTypeOf, exposition, formatFor } from '../metrics/exposition.js'
import { Access } from './access.js'
import { act } from './acting.js'
import { STATUS_OPTIONS, type StatusOptions } from './options.js'
import { ICON, PAGE } from './page/html.js'
import { SCRIPT } from './page/script.js'
import { STYLE } from './page/style.js'
import { json, respond } from './responses.js'
import { Sampler } from './sampler.js'
import { openSource, type StatusActions, type StatusSource } from './source.js'
import { Streams } from './streams.js'

/** Answers HTTP requests for a status page, for `node:http`, Express and their like. */
export interface StatusHandler {
  (request: IncomingMessage, response: ServerResponse): void
  /** Takes no more samples, and lets go of whoever watches. */
  close(): void
}

/**
 * Makes a handler of requests for a page that shows `source` live: `/`, `/status.json`, `/events`, `/metrics`, and
 * `/actions/force` and `/actions/flush` for the token's owner. Samples are taken from now on, until `close()`.
 *
 * Only this machine may look, unless there is a token. It expects paths to begin where it is mounted, as Express sees to.
 *
 * @throws {DnsError} ERR_DNS_INVALID_OPTION
 */
export function createStatusHandler(source: StatusSource, options: StatusOptions = {}): StatusHandler {
  return makeHandler(source, readOptions('createStatusHandler', STATUS_OPTIONS, options))
}

/** The same, of options that have been read. */
export function makeHandler(source: StatusSource, options: OptionValues<typeof STATUS_OPTIONS>): StatusHandler {
  const { token, hosts, interval, actions, clock } = options
  const opened = openSource(source, clock)
  const offered = token === null || actions === false ? null : (actions ?? opened.actions)
  const sampler = new Sampler(opened, offered, clock, interval)
  const desk = new Desk(sampler, new Access(token, hosts), offered)
  return Object.assign((request: IncomingMessage, response: ServerResponse) => desk.take(request, response), {
    close: () => desk.close(),
  })
}

type Route = (request: IncomingMessage, response: ServerResponse, query: URLSearchParams) => void | Promise<void>

class Desk {
  readonly #sampler: Sampler
  readonly #streams: Streams
  readonly #access: Access
  readonly #actions: StatusActions | null
  readonly #routes: ReadonlyMap<string, Route>

  constructor(sampler: Sampler, access: Access, actions: StatusActions | null) {
    this.#sampler = sampler
    this.#streams = new Streams(sampler)
    this.#access = access
    this.#actions = actions
    this.#routes = new Map<string, Route>([
      ['/', page],
      ['/page.css', fixed('text/css; charset=utf-8', STYLE)],
      ['/icon.svg', fixed('image/svg+xml', ICON)],
      ['/page.js', fixed('text/javascript; charset=utf-8', SCRIPT)],
      ['/status.json', (request, response, query) => this.#report(request, response, query)],
      ['/events', (request, response) => this.#events(request, response)],
      ['/metrics', (request, response) => this.#metrics(request, response)],
    ])
  }

  take(request: IncomingMessage, response: ServerResponse): void {
    this.#serve(request, response).catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error)
      if (response.headersSent) response.destroy()
      else respond(request, response, { status: 500, body: `The numbers could not be read: ${why}` })
    })
  }

  close(): void {
    this.#sampler.close()
    this.#streams.close()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = this.#access.refusalToLook(request)
    if (refusal !== null) return refuse(request, response, refusal.status, refusal.text, 'Basic')
    const [path = '/', search] = (request.url ?? '/').split('?', 2)
    const isAction = path === '/actions/force' || path === '/actions/flush'
    const route = this.#routes.get(path)
    if (route === undefined && !isAction) return refuse(request, response, 404, 'There is nothing here.')
    const allowed = isAction ? ['POST'] : ['GET', 'HEAD']
    if (!allowed.includes(request.method ?? ''))
      return respond(request, response, { status: 405, body: `Only ${allowed.join(' and ')}.`, headers: { allow: allowed.join(', ') } }) // prettier-ignore
    if (route === undefined) await this.#act(request, response, path)
    else await route(request, response, new URLSearchParams(search))
  }

  async #act(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    const refusal = this.#access.refusalToAct(request)
    // A challenge for a password would have the browser ask for one.
    if (refusal !== null) return refuse(request, response, refusal.status, refusal.text, 'Bearer')
    if (this.#actions === null) return refuse(request, response, 403, 'There are no actions.')
    const { status, text } = await act(request, path, this.#actions)
    if (status === 200) await this.#sampler.refresh()
    respond(request, response, { status, body: text })
  }

  async #report(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    const report = await this.#sampler.report(Number(query.get('since')) || 0)
    respond(request, response, { type: 'application/json', body: json(report) })
  }

  #events(request: IncomingMessage, response: ServerResponse): void {
    if (request.method === 'HEAD') respond(request, response, { type: 'text/event-stream; charset=utf-8', body: '' })
    else this.#streams.begin(request, response)
  }

  async #metrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const format = formatFor(request.headers.accept)
    const body = exposition(await this.#sampler.snapshot(), { format })
    respond(request, response, { type: contentTypeOf(format), headers: { vary: 'accept' }, body })
  }
}

/** Relative addresses lead nowhere from a mount point without its slash, which Express takes for the same place. */
function page(request: IncomingMessage & { readonly originalUrl?: string }, response: ServerResponse): void {
  const asked = request.originalUrl?.split('?', 1)[0]
  if (asked === undefined || asked.endsWith('/'))
    return respond(request, response, { type: 'text/html; charset=utf-8', body: PAGE })
  const last = asked.slice(asked.lastIndexOf('/') + 1)
  respond(request, response, {
    status: 308,
    headers: { location: `./${last}/` },
    body: 'It is one level further down.',
  })
}

function fixed(type: string, body: string): Route {
  return (request, response) => respond(request, response, { type, body })
}

/** @param scheme how the token may be given, where it is what was lacking */
function refuse(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  text: string,
  scheme: 'Basic' | 'Bearer' = 'Basic',
): void {
  const headers: Record<string, string> = status === 401 ? { 'www-authenticate': `${scheme} realm="headrace"` } : {}
  respond(request, response, { status, body: text, headers })
}
