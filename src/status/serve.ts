import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isIP } from 'node:net'
import { parsed, readOptions, reject } from '../base/options.js'
import { DnsError, InvalidOptionError } from '../errors.js'
import { isLoopback } from './access.js'
import { makeHandler } from './handler.js'
import { STATUS_OPTIONS, type StatusOptions } from './options.js'
import type { StatusSource } from './source.js'

/** Options of {@link serveStatus}. */
export interface ServeStatusOptions extends StatusOptions {
  readonly source: StatusSource
  /**
   * Where to listen: `127.0.0.1:8053`, `[::1]:8053`, `:8053` for every address; port 0 picks one. Elsewhere than on this machine's
   * own addresses a token is needed. @default '127.0.0.1:8053'
   */
  readonly listen?: string
}

/** A status page that is being served. */
export interface StatusServer {
  /** Where to point a browser. */
  readonly url: string
  readonly address: string
  readonly port: number
  /** Stops, and cuts whoever watches. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

interface Place {
  readonly host: string
  readonly port: number
}

const OPTIONS = {
  ...STATUS_OPTIONS,
  source: parsed<StatusSource | null>(null, (given) => given as StatusSource),
  listen: parsed<Place>({ host: '127.0.0.1', port: 8053 }, readListen),
}

/** The longest that a client may take for its request, in ms. */
const REQUEST_TIMEOUT = 10_000

/**
 * Serves a status page by itself; as {@link createStatusHandler} otherwise.
 *
 * @returns once it listens
 * @throws {DnsError} as a rejection: ERR_DNS_INVALID_OPTION; ERR_DNS_LISTEN, with the system's error as `cause`
 */
export async function serveStatus(options: ServeStatusOptions): Promise<StatusServer> {
  const read = readOptions('serveStatus', OPTIONS, options)
  const { source, listen, token } = read
  const { host, port } = listen
  if (source === null) throw new InvalidOptionError('serveStatus', 'source', 'is needed: what is to be shown')
  if (token === null && !isLoopback(host))
    throw new InvalidOptionError('serveStatus', 'token', `is needed to listen on ${host}, where others can reach it`)
  const handler = makeHandler(source, read)
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT, headersTimeout: REQUEST_TIMEOUT }, handler)
  server.maxConnections = 256
  try {
    await listening(server, listen)
  } catch (cause) {
    handler.close()
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause)
    throw new DnsError('ERR_DNS_LISTEN', `the status page cannot listen on ${hostPort(host, port)}: ${why}`, { cause })
  }
  const bound = server.address() as AddressInfo
  const close = (): Promise<void> => {
    handler.close()
    return new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }
  return {
    url: `http://${hostPort(bound.address, bound.port)}/`,
    address: bound.address,
    port: bound.port,
    close,
    [Symbol.asyncDispose]: close,
  }
}

function listening(server: Server, { host, port }: Place): Promise<void> {
  return new Promise((resolve, fail) => {
    server.once('error', fail)
    server.listen({ host, port }, () => {
      server.removeListener('error', fail)
      resolve()
    })
  })
}

function readListen(given: unknown, owner: string, name: string): Place {
  const allowed = 'an IP address and a port, such as 127.0.0.1:8053, [::1]:8053 or :8053'
  const match = typeof given === 'string' ? /^(?:\[(?<v6>[^\]]*)\]|(?<v4>[^:]*)):(?<port>\d{1,5})$/.exec(given) : null
  const { v6, v4, port } = match?.groups ?? {}
  const host = v6 ?? (v4 === '' ? '::' : v4 === 'localhost' ? '127.0.0.1' : v4)
  if (host === undefined || isIP(host) === 0 || Number(port) > 65_535) return reject(owner, name, given, allowed)
  return { host, port: Number(port) }
}

function hostPort(host: string, port: number): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}
