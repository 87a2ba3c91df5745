import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { deploy, parseConfig, type Config, type Deployment } from '../../src/config/index.js'
import { Upstream, type TransportName } from '../../src/index.js'
import { FakeAuthority, FakeClock, FakeServer, type FakeServerOptions } from '../../src/testing/index.js'
import { temporaryFolder } from './peer.js'
import { askUdp, buildQuery } from './raw-dns.js'

const FOLDER = new URL('../fixtures/config/', import.meta.url)
/** Addresses of upstreams as documents write them: with a scheme, IPv6 in brackets, IPv4; not those to ask from. */
const ADDRESS = /\b(?:udp|tcp|tls|https|doq|h3):\/\/[^\s"',|]+|\[[0-9a-f:]+\](?::\d+)?|(?<![\w./])\d+(?:\.\d+){3}(?::\d+)?(?![\w.@])/g // prettier-ignore
/** What addresses that say no transport are asked over. */
const PLAIN: readonly TransportName[] = ['udp', 'tcp']
/** Turns of the event loop in which what was sent on loopback is there, decrypted and answered: nothing of it leaves this thread. */
const TURNS = 12
/** When certificates are good. */
const START = Date.UTC(2026, 0, 1)

/** A document of a reference as it is written there. */
export function referenceText(file: string): string {
  return readFileSync(fileURLToPath(new URL(file, FOLDER)), 'utf8')
}

/**
 * FakeServers in the place of the upstreams that a document names: one for each address, of its transport, which answers
 * 192.0.2.1 if it is the first, 192.0.2.2 the second. The document's text stays as it is but for them: ports are the servers',
 * IP addresses loopback's, and host names what they were.
 */
export class Upstreams implements AsyncDisposable {
  /** By the address as it is written. */
  readonly #servers: ReadonlyMap<string, FakeServer>
  /** Who issued the certificate of each. */
  readonly authority: FakeAuthority
  /** Who says that the host names are on loopback. */
  readonly names: FakeServer
  /** The document with the servers' addresses. */
  readonly text: string

  private constructor(
    text: string,
    servers: ReadonlyMap<string, FakeServer>,
    authority: FakeAuthority,
    names: FakeServer,
  ) {
    this.text = text.replace(ADDRESS, (address) => loopback(address, servers.get(address)!))
    this.#servers = servers
    this.authority = authority
    this.names = names
  }

  /** `options` are of all servers. */
  static async of(text: string, options: Pick<FakeServerOptions, 'clock'> = {}): Promise<Upstreams> {
    const authority = new FakeAuthority()
    const servers = new Map<string, FakeServer>()
    for (const [address] of text.matchAll(ADDRESS)) {
      if (servers.has(address)) continue
      const { scheme, host } = parts(address)
      const transports = scheme === null || scheme === 'udp' ? PLAIN : [scheme]
      const where = host.startsWith('[') ? { host: '::1' } : {}
      const answer = addressAnswer(`192.0.2.${servers.size + 1}`)
      servers.set(
        address,
        await FakeServer.listen({ ...options, ...where, transports, authority, names: [host], answer }),
      )
    }
    const names = await FakeServer.listen({ ...options, answer: onLoopback })
    return new Upstreams(text, servers, authority, names)
  }

  get all(): readonly FakeServer[] {
    return [...this.#servers.values()]
  }

  /** The document in a file of that name. */
  file(name: string, text = this.text): string {
    const file = join(temporaryFolder('reference'), name)
    writeFileSync(file, text)
    return file
  }

  at(address: string): FakeServer {
    const server = this.#servers.get(address)
    if (server === undefined) throw new Error(`${address} is none of ${[...this.#servers.keys()].join(', ')}`)
    return server
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of [...this.all, this.names]) await server.close()
  }
}

/** Every name is on loopback. */
export const onLoopback = addressAnswer('127.0.0.1')

function addressAnswer(address: string): (query: { readonly type: string }) => readonly string[] {
  return ({ type }) => (type === 'A' ? [address] : [])
}

function parts(address: string): { scheme: TransportName | null; host: string; path: string } {
  const [, scheme = null, host, path] = /^(?:(\w+):\/\/)?(\[.*\]|[^:/]+)(?::\d+)?(\/.*)?$/.exec(address)!
  return { scheme: scheme as TransportName | null, host: host!, path: path ?? '' }
}

function loopback(address: string, server: FakeServer): string {
  const { scheme, host, path } = parts(address)
  const here = host.startsWith('[') ? '[::1]' : /^[\d.]+$/.test(host) ? '127.0.0.1' : host
  return `${scheme === null ? '' : `${scheme}://`}${here}:${server.port}${path}`
}

/** A document of a reference, deployed in this process, in a time of its own. */
export class Example implements AsyncDisposable {
  readonly clock: FakeClock
  readonly upstreams: Upstreams
  readonly config: Config
  readonly deployment: Deployment
  readonly #probes = new Map<string, number>()

  private constructor(clock: FakeClock, upstreams: Upstreams, config: Config, deployment: Deployment) {
    this.clock = clock
    this.upstreams = upstreams
    this.config = config
    this.deployment = deployment
    for (const { monitor } of deployment.forwarder.pools)
      monitor?.on('probe', ({ upstream }) => this.#probes.set(upstream, (this.#probes.get(upstream) ?? 0) + 1))
  }

  /**
   * Deploys `file`. Beside the document there is what a machine has of its own: a resolver for the names of upstreams,
   * unless the document says who that is, authorities that it trusts, and where to listen.
   */
  static async open(file: string, edit: (text: string) => string = (text) => text): Promise<Example> {
    const clock = new FakeClock(START)
    const upstreams = await Upstreams.of(referenceText(file), { clock })
    const config = parseConfig(edit(upstreams.text), { file })
    const { authority, names } = upstreams
    const machine = { bootstrap: [names.address], tls: { ca: authority.cert } }
    const { upstreamDefaults } = config.forwarder
    const forwarder = { ...config.forwarder, upstreamDefaults: { ...machine, ...upstreamDefaults } }
    const deployment = await deploy({ forwarder, server: { listen: '127.0.0.1:0' } }, { clock })
    return new Example(clock, upstreams, config, deployment)
  }

  at(address: string): FakeServer {
    return this.upstreams.at(address)
  }

  /** How many queries of clients each server has got, in the document's order. */
  get asked(): readonly number[] {
    return this.upstreams.all.map((server) => questions(server).length)
  }

  /** RCODE and address of the reply to `name`; null: there was none within the client's time. */
  async ask(name = 'www.example', type = 1): Promise<Reply | null> {
    const { port } = this.deployment.server.addresses[0]!
    const began = this.clock.now()
    const reply = await this.until(askUdp(port, buildQuery(name, type), 20_000))
    if (reply === null) return null
    const elapsed = this.clock.now() - began
    const answers = reply.readUInt16BE(6)
    return { rcode: reply.readUInt8(3) & 15, data: answers === 0 ? null : [...reply.subarray(-4)].join('.'), elapsed }
  }

  /** Asks for as many names, one after the other; the RCODEs that came. */
  async askMany(count: number): Promise<ReadonlySet<number | undefined>> {
    const rcodes = new Set<number | undefined>()
    for (let i = 0; i < count; i++) rcodes.add((await this.ask(`h${i}.example`))?.rcode)
    return rcodes
  }

  /** Asks for one name after the other until `holds`, a thousand at most. */
  async askUntil(holds: () => boolean): Promise<void> {
    for (let i = 0; i < 1000; i++) {
      if (holds()) return
      await this.ask(`u${i}.example`)
    }
    throw new Error(`asked ${this.asked.join(', ')}, to no avail`)
  }

  /** Lets time pass in small steps, between which the network has its turn, until `promise` settles. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const mark = (): void => void (settled = true)
    promise.then(mark, mark)
    for (let steps = 0; ; steps++) {
      await network()
      if (settled) return promise
      await this.clock.advance(steps < 100 ? 5 : 50)
    }
  }

  /** Lets `ms` pass so that probes are answered while it does. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.now() + ms
    while (this.clock.now() < end) {
      await this.clock.advance(Math.min(400, end - this.clock.now()))
      await network()
    }
  }

  /** How many checks have ended of the upstream at that place in the document. */
  probes(at = 0): number {
    return this.#probes.get(this.deployment.forwarder.upstreams[at]?.name ?? '') ?? 0
  }

  /** The health of each upstream, in the document's order. */
  get health(): readonly string[] {
    return this.deployment.forwarder.upstreams.map(({ health }) => health.state)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.deployment.destroy()
    await this.upstreams[Symbol.asyncDispose]()
  }
}

/** A reply as a client has it. */
export interface Reply {
  readonly rcode: number
  /** The last record's last four octets: an address, where one was asked for. */
  readonly data: string | null
  /** ms */
  readonly elapsed: number
}

/** What clients had asked a server: neither probes nor what was asked for upstreams' own names. */
export function questions({ queries }: FakeServer): FakeServer['queries'] {
  return queries.filter(({ name }) => name.endsWith('.example'))
}

/** Has every transport loaded, which takes a time that no {@link Example} waits for. */
export async function warmUp(): Promise<void> {
  const transports = ['udp', 'tcp', 'tls', 'https', 'doq'] as const
  const server = await FakeServer.listen({ transports })
  for (const transport of transports) {
    const upstream = new Upstream(server.addressOf(transport), { tls: { ca: server.ca } })
    await upstream.query('warm.example')
    await upstream.close()
  }
  await server.close()
}

async function network(): Promise<void> {
  for (let i = 0; i < TURNS; i++) await new Promise((resolve) => setImmediate(resolve))
}
