import { Buffer } from 'node:buffer'
import { systemClock, type Clock, type Timer } from '../base/clock.js'
import type { TransportName } from '../exchanger.js'
import { endpoint } from '../transport/failure.js'
import { typeName } from '../wire/constants.js'
import { Message } from '../wire/message.js'
import {
  answerer,
  replyTo,
  type AnswerFunction,
  type AnswerTable,
  type AskedQuery,
  type FakeAnswer,
} from './fake-answers.js'
import type { FakeAuthority } from './fake-authority.js'
import type { Arrival } from './fake-connection.js'
import { deliveryOf, type Delivery } from './fake-delivery.js'
import { FaultPlan, type Fault } from './fake-faults.js'
import { DNS_PATH } from './fake-https.js'
import { FakeIdentity, type ShownCertificate } from './fake-identity.js'
import { FakePorts } from './fake-ports.js'
import type { FakeTlsOwner } from './fake-tls.js'

/** Options of {@link FakeServer.listen}. */
export interface FakeServerOptions {
  /** IP address to listen on. @default '127.0.0.1' */
  readonly host?: string
  /** Of {@link FakeServer.address}; 0 lets the kernel choose, as it does for the other ports. @default 0 */
  readonly port?: number
  /** @default ['udp', 'tcp'] */
  readonly transports?: readonly TransportName[]
  /** What to answer. @default 192.0.2.1 to A, 2001:db8::1 to AAAA, both for 300 s; no records to other types */
  readonly answer?: AnswerFunction | AnswerTable
  /** What goes wrong from the start. @default nothing */
  readonly faults?: readonly Fault[]
  /** The certificate to show. @default 'good' */
  readonly certificate?: ShownCertificate
  /** Names that it covers beside localhost, 127.0.0.1 and ::1. @default none */
  readonly names?: readonly string[]
  /** Who issues it. @default one of the server's own */
  readonly authority?: FakeAuthority
  /** Whose certificates clients must show over TLS and HTTPS; over QUIC none is asked for. @default none is asked for */
  readonly clientAuthority?: FakeAuthority
  /** Application protocols that TLS offers in place of `dot`, `h2`, `doq` and `h3` (RFC 7301); none, and it is silent about them. */
  readonly alpn?: readonly string[]
  /** Whether queries over doq are taken as 0-RTT, before the handshake is complete. @default false */
  readonly earlyData?: boolean
  /** Where delays take their time from. @default real time */
  readonly clock?: Clock
}

/** Queries that are kept for inspection. */
const MAX_KEPT = 100_000

/**
 * A real DNS server on loopback with a script of answers and faults, for tests of what asks it. UDP and TCP share a port;
 * every encrypted transport has one of its own.
 */
export class FakeServer implements AsyncDisposable {
  /** What arrived and could be read, in order; the first 100,000. */
  readonly queries: AskedQuery[] = []
  readonly #host: string
  readonly #clock: Clock
  readonly #identity: FakeIdentity
  readonly #ports: FakePorts
  readonly #timers = new Set<Timer>()
  #answer: AnswerFunction
  #faults: FaultPlan
  #asked = 0
  #received = 0
  #scriptError: unknown = null

  private constructor(options: FakeServerOptions) {
    const {
      host = '127.0.0.1',
      port = 0,
      transports = ['udp', 'tcp'],
      alpn,
      earlyData = false,
      faults = [],
      clock = systemClock,
    } = options
    this.#host = host
    this.#clock = clock
    this.#answer = answerer(options.answer)
    this.#identity = new FakeIdentity(options)
    this.#ports = new FakePorts({ host, port, transports, alpn, earlyData }, this.#owner())
    this.#faults = new FaultPlan(faults, transports)
  }

  /**
   * A server that is ready to be asked.
   *
   * @throws {InvalidOptionError} a transport, fault or certificate that it does not know, or a fault that can befall nothing here
   * @throws {DnsError} ERR_DNS_CONNECT: the port is taken
   */
  static async listen(options: FakeServerOptions = {}): Promise<FakeServer> {
    const server = new FakeServer(options)
    await server.resume()
    return server
  }

  /** `127.0.0.1:12345`, as an upstream is given; that of the first transport where neither UDP nor TCP is served. */
  get address(): string {
    const { main } = this.#ports
    return main === 'udp' ? endpoint(this.#host, this.port) : this.addressOf(main)
  }

  /** Of {@link address}. */
  get port(): number {
    return this.portOf(this.#ports.main)
  }

  /** Queries that arrived. */
  get asked(): number {
    return this.#asked
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#ports.connections
  }

  /** Connections that were ever accepted. */
  get accepted(): number {
    return this.#ports.accepted
  }

  /** TLS handshakes that were completed, on our side. */
  get handshakes(): number {
    return this.#ports.handshakes
  }

  /** TLS sessions that were resumed over TCP: handshakes without a certificate. */
  get resumed(): number {
    return this.#ports.resumed
  }

  /** Queries over doq that came as 0-RTT. */
  get early(): number {
    return this.#ports.early
  }

  /** Octets of application data that came: datagrams, what TCP or TLS carried, the frames of HTTP/2 among it, and what came on streams of QUIC. */
  get received(): number {
    return this.#received
  }

  /** Certificate of the authority to trust, in PEM: what the option `tls.ca` of an upstream takes. */
  get ca(): string {
    return this.#identity.authority.cert
  }

  /** What is shown to who connects next. TLS sessions outlive a change, so that they can be resumed. */
  get certificate(): ShownCertificate {
    return this.#identity.certificate
  }

  set certificate(certificate: ShownCertificate) {
    this.#identity.certificate = certificate
    this.#ports.renew()
  }

  /** What goes wrong from the next query on; setting it starts the counts of `first` and `every` anew. */
  get faults(): readonly Fault[] {
    return this.#faults.faults
  }

  set faults(faults: readonly Fault[]) {
    this.#faults = new FaultPlan(faults, this.#ports.transports)
  }

  /** Replaces the script of answers. */
  set answer(answer: AnswerFunction | AnswerTable | undefined) {
    this.#answer = answerer(answer)
  }

  /**
   * `udp://127.0.0.1:12345`, `tls://127.0.0.1:12346`, `https://127.0.0.1:12347/dns-query`: as an upstream is given.
   *
   * @throws {InvalidOptionError} `transport` isn't served
   */
  addressOf(transport: TransportName): string {
    const path = transport === 'https' || transport === 'h3' ? DNS_PATH : ''
    return `${transport}://${endpoint(this.#host, this.portOf(transport))}${path}`
  }

  /** @throws {InvalidOptionError} `transport` isn't served */
  portOf(transport: TransportName): number {
    return this.#ports.portOf(transport)
  }

  /** Closes all ports, connections included: UDP gets an ICMP error, TCP a reset. {@link resume} opens them again. */
  async refuse(): Promise<void> {
    for (const timer of this.#timers) this.#clock.clearTimeout(timer)
    this.#timers.clear()
    await this.#ports.close()
  }

  /** Listens, on the same ports as before if it has. Does nothing while listening. */
  resume(): Promise<void> {
    return this.#ports.open()
  }

  /** Frees everything. Rejects with what the answer function threw, if it did. */
  async close(): Promise<void> {
    await this.refuse()
    const error = this.#scriptError
    this.#scriptError = null
    if (error !== null) throw error
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #owner(): FakeTlsOwner {
    return {
      identity: this.#identity,
      greet: (transport) => this.#faults.greet(transport),
      ask: (arrival, deliver) => this.#ask(arrival, deliver),
      receive: (octets) => void (this.#received += octets),
      after: (ms, fn) => this.#after(ms, fn),
    }
  }

  #after(ms: number, fn: () => void): void {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer)
      this.#guard(fn)
    }, ms)
    this.#timers.add(timer)
  }

  #ask(arrival: Arrival, deliver: (delivery: Delivery) => void): boolean {
    const query = read(arrival)
    if (query === null) return false
    this.#asked++
    if (this.queries.length < MAX_KEPT) this.queries.push(query)
    // Faults are counted in the order in which queries arrive, however long an answer takes.
    const faults = this.#faults.strike(query)
    const finish = (answer: FakeAnswer): void => {
      const reply = replyTo(query, answer)
      if (reply !== null) deliver(deliveryOf(faults, query, fit(query, reply)))
    }
    this.#guard(() => {
      const answer = this.#answer(query)
      if (answer instanceof Promise) answer.then(finish).catch(this.#onScriptError)
      else finish(answer)
    })
    return true
  }

  #guard(fn: () => void): void {
    try {
      fn()
    } catch (error) {
      this.#onScriptError(error)
    }
  }

  readonly #onScriptError = (error: unknown): void => {
    this.#scriptError ??= error
  }
}

/** null: not a query that can be read. */
function read(arrival: Arrival): AskedQuery | null {
  try {
    const message = Message.from(arrival.wire)
    const { question } = message
    if (question === null || message.isReply) return null
    return { ...arrival, name: question.name, type: typeName(message.qtype), id: message.id, message }
  } catch {
    return null
  }
}

/** `reply` with the query's ID; truncated where it is longer than a UDP client said it takes (RFC 6891, section 6.2.3). */
function fit({ message, transport }: AskedQuery, reply: Message): Message {
  const limit = transport === 'udp' ? Math.max(512, message.edns?.udpPayloadSize ?? 512) : 65_535
  if (reply.wire.length > limit) return Message.reply(message, { truncated: true })
  if (reply.id === message.id) return reply
  const wire = Buffer.from(reply.wire)
  wire.writeUInt16BE(message.id, 0)
  return new Message(wire)
}
