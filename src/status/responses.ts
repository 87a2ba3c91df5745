import { Buffer } from 'node:buffer'
import type { IncomingMessage, ServerResponse } from 'node:http'

/** What every response says: nothing from elsewhere runs in it, nobody frames it, nobody keeps it. */
const HEADERS: Readonly<Record<string, string>> = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** How long a browser waits until it asks again for a stream that broke off, in ms. */
const RECONNECT = 1000

/** Answers `request`; to HEAD without `body`. */
export function respond(
  request: IncomingMessage,
  response: ServerResponse,
  {
    status = 200,
    type = 'text/plain; charset=utf-8',
    headers = {},
    body,
  }: {
    readonly status?: number
    readonly type?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly body: string
  },
): void {
  const octets = Buffer.from(body)
  response.writeHead(status, {
    ...HEADERS,
    'content-type': type,
    'content-length': String(octets.length),
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : octets)
}

/** Begins a stream of events (WHATWG HTML, section 9.2). */
export function beginEvents(response: ServerResponse): void {
  response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' })
  response.write(`retry: ${RECONNECT}\n`)
}

/** Plain data as JSON, in which no browser that takes it for HTML finds a tag. */
export function json(data: unknown): string {
  return JSON.stringify(data).replaceAll('<', '\\u003c')
}
