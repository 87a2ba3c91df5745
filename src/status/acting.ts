import { Buffer } from 'node:buffer'
import type { IncomingMessage } from 'node:http'
import type { StatusActions } from './source.js'

/** The longest body of an action, in octets. */
const MAX_BODY = 4096

/** How an action ended, as HTTP says it. */
export interface Done {
  readonly status: number
  readonly text: string
}

/** Does what `request` asks for at `path`: `/actions/force` or `/actions/flush`. */
export async function act(request: IncomingMessage, path: string, actions: StatusActions): Promise<Done> {
  const body = await readBody(request)
  if (body === null) return { status: 400, text: `The body must be a JSON object of at most ${MAX_BODY} octets.` }
  return path === '/actions/force' ? force(body, actions) : flush(body, actions)
}

async function force({ upstream, state }: Body, actions: StatusActions): Promise<Done> {
  if (typeof upstream !== 'string' || !(state === 'up' || state === 'down' || state === null))
    return { status: 400, text: 'It takes { "upstream": its name, "state": "up", "down" or null }.' }
  const count = await actions.force(upstream, state)
  if (count === 0) return { status: 404, text: 'There is no upstream of that name.' }
  return { status: 200, text: state === null ? 'It goes by its checks again.' : `It is forced ${state}.` }
}

async function flush({ name = '.' }: Body, actions: StatusActions): Promise<Done> {
  if (typeof name !== 'string')
    return { status: 400, text: 'It takes { "name": a domain name }, or {} for everything.' }
  try {
    const count = await actions.flush(name)
    return count === 0 ? { status: 404, text: 'There is no cache.' } : { status: 200, text: 'The cache was flushed.' }
  } catch (error) {
    return { status: 400, text: error instanceof Error ? error.message : String(error) }
  }
}

interface Body {
  readonly upstream?: unknown
  readonly state?: unknown
  readonly name?: unknown
}

/** Null for what isn't a JSON object, or is too long. */
async function readBody(request: IncomingMessage): Promise<Body | null> {
  if (request.headers['content-type']?.startsWith('application/json') !== true) return null
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > MAX_BODY) return null
      chunks.push(chunk)
    }
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString())
    return typeof body === 'object' && body !== null && !Array.isArray(body) ? body : null
  } catch {
    return null
  }
}
