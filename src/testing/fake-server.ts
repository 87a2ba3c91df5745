import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { systemClock, type Clock, type Timer } from '../base/clock.js'
import { DnsError, InvalidOptionError } from '../errors.js'
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
import { FaultPlan, type Delivery, type Fault } from './fake-faults.js'
import { FakeStream, type FakeStreamOwner } from './fake-stream.js'

/** Options of {@link FakeServer.listen}. */
export interface FakeServerOptions {
  /** IP address to listen on. @default '127.0.0.1' */
  readonly host?: string
  /** The same for all transports; 0 lets the kernel choose. @default 0 */
  readonly port?: number
  /** @default ['udp', 'tcp'] */
  readonly transports?: readonly TransportName[]
  /** What to answer. @default 192.0.2.1 to A, 2001:db8::1 to AAAA, both for 300 s; no records to other types */
  readonly answer?: AnswerFunction | AnswerTable
  /** What goes wrong from the start. @default nothing */
  readonly faults?: readonly Fault[]
  /** Where delays take their time from. @default real time */
  readonly clock?: Clock
}

/** Ports to try until one is free for every transport. */
const MAX_TRIES = 20
/** What the kernel is asked to hold, in octets: a busy test must not lose queries that it didn't mean to lose. */
const RECEIVE_BUFFER = 2 ** 20
/** Queries that are kept for inspection. */
const MAX_KEPT = 100_000

/**
 * A real DNS server on loopback with a script of answers and faults, for tests of what asks it. One port serves all of
 * its transports.
 */
export class FakeServer implements FakeStreamOwner, AsyncDisposable {
  /** What arrived and could be read, in order; the first 100,000. */
  readonly queries: AskedQuery[] = []
  readonly #options: FakeServerOptions
  readonly #clock: Clock
  readonly #streams = new Set<FakeStream>()
  readonly #timers = new Set<Timer>()
  #answer: AnswerFunction
  #faults: FaultPlan
  #udp: UdpSocket | null = null
  #tcp: Server | null = null
  #port: number
  #asked = 0
  #accepted = 0
  #scriptError: unknown = null

  private constructor(options: FakeServerOptions) {
    const { transports = ['udp', 'tcp'], answer, faults = [], clock = systemClock, port = 0 } = options
    for (const name of transports) {
      if (name !== 'udp' && name !== 'tcp')
        throw new InvalidOptionError('FakeServer', 'transports', `knows udp and tcp so far; got "${name}"`)
    }
    this.#options = { host: '127.0.0.1', ...options, transports }
    this.#answer = answerer(answer)
    this.#faults = new FaultPlan(faults)
    this.#clock = clock
    this.#port = port
  }

  /**
   * A server that is ready to be asked.
   *
   * @throws {InvalidOptionError} a transport or fault that it does not know
   * @throws {DnsError} ERR_DNS_CONNECT: the port is taken
   */
  static async listen(options: FakeServerOptions = {}): Promise<FakeServer> {
    const server = new FakeServer(options)
    await server.resume()
    return server
  }

  /** `127.0.0.1:12345`, as an upstream is given. */
  get address(): string {
    return endpoint(this.#options.host!, this.#port)
  }

  get port(): number {
    return this.#port
  }

  /** Queries that arrived. */
  get asked(): number {
    return this.#asked
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#streams.size
  }

  /** Connections that were ever accepted. */
  get accepted(): number {
    return this.#accepted
  }

  /** What goes wrong from the next query on; setting it starts the counts of `first` and `every` anew. */
  get faults(): readonly Fault[] {
    return this.#faults.faults
  }

  set faults(faults: readonly Fault[]) {
    this.#faults = new FaultPlan(faults)
  }

  /** Replaces the script of answers. */
  set answer(answer: AnswerFunction | AnswerTable | undefined) {
    this.#answer = answerer(answer)
  }

  /** Closes the port, connections included: UDP gets an ICMP error, TCP a reset. {@link resume} opens it again. */
  async refuse(): Promise<void> {
    const [udp, tcp] = [this.#udp, this.#tcp]
    this.#udp = this.#tcp = null
    this.#stopTimers()
    for (const stream of this.#streams) stream.destroy()
    await Promise.all([
      udp && new Promise<void>((resolve) => udp.close(resolve)),
      tcp && new Promise<void>((resolve) => tcp.close(() => resolve())),
    ])
    // The loop lets go of a handle at the end of a turn, after dgram has said that it is closed.
    for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Listens, on the same port as before if it has. Does nothing while listening. */
  async resume(): Promise<void> {
    if (this.#udp !== null || this.#tcp !== null) return
    const wanted = this.#port
    for (let tries = 1; ; tries++) {
      try {
        return await this.#open()
      } catch (cause) {
        await this.refuse()
        this.#port = wanted
        if (wanted === 0 && tries < MAX_TRIES) continue
        throw new DnsError('ERR_DNS_CONNECT', `FakeServer cannot listen on ${this.address}`, { cause })
      }
    }
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

  /** @internal */
  onQuery(wire: Buffer, stream: FakeStream): void {
    this.#ask(wire, 'tcp', stream, (delivery) => stream.deliver(delivery))
  }

  /** @internal */
  after(ms: number, fn: () => void): void {
    const timer = this.#clock.setTimeout(() => {
      this.#timers.delete(timer)
      fn()
    }, ms)
    this.#timers.add(timer)
  }

  async #open(): Promise<void> {
    const { host, transports } = this.#options
    if (transports!.includes('tcp')) {
      this.#tcp = createServer((socket) => {
        const stream = new FakeStream(socket, this)
        this.#accepted++
        this.#streams.add(stream)
        socket.once('close', () => this.#streams.delete(stream))
      })
      this.#tcp.listen({ host, port: this.#port, exclusive: true })
      await once(this.#tcp, 'listening')
      this.#port = (this.#tcp.address() as { port: number }).port
    }
    if (transports!.includes('udp')) await this.#openUdp()
  }

  async #openUdp(): Promise<void> {
    const { host } = this.#options
    const udp = (this.#udp = createSocket(host!.includes(':') ? 'udp6' : 'udp4'))
    udp.bind({ address: host!, port: this.#port, exclusive: true })
    await once(udp, 'listening')
    udp.setRecvBufferSize(RECEIVE_BUFFER)
    // ICMP errors of clients that have gone are not ours.
    udp.on('error', () => undefined)
    udp.on('message', (wire, from) => this.#onDatagram(wire, from))
    this.#port = udp.address().port
  }

  #onDatagram(wire: Buffer, from: RemoteInfo): void {
    const send = (octets: Buffer): void => this.#udp?.send(octets, from.port, from.address)
    this.#ask(wire, 'udp', { remoteAddress: from.address, remotePort: from.port }, (delivery) => {
      for (const packet of delivery.packets) {
        if (packet.after === 0) send(packet.wire)
        else this.after(packet.after, () => send(packet.wire))
      }
    })
  }

  #ask(wire: Buffer, transport: TransportName, from: Remote, deliver: (delivery: Delivery) => void): void {
    const query = read(wire, transport, from)
    if (query === null) return
    this.#asked++
    if (this.queries.length < MAX_KEPT) this.queries.push(query)
    // Faults are counted in the order in which queries arrive, however long an answer takes.
    const faults = this.#faults
    const finish = (answer: FakeAnswer): void => {
      const reply = replyTo(query, answer)
      if (reply !== null) deliver(faults.plan(query, fit(query, reply)))
    }
    try {
      const answer = this.#answer(query)
      if (answer instanceof Promise) answer.then(finish).catch(this.#onScriptError)
      else finish(answer)
    } catch (error) {
      this.#onScriptError(error)
    }
  }

  readonly #onScriptError = (error: unknown): void => {
    this.#scriptError ??= error
  }

  #stopTimers(): void {
    for (const timer of this.#timers) this.#clock.clearTimeout(timer)
    this.#timers.clear()
  }
}

interface Remote {
  readonly remoteAddress: string
  readonly remotePort: number
}

/** null: not a query that can be read. */
function read(wire: Buffer, transport: TransportName, from: Remote): AskedQuery | null {
  try {
    const message = Message.from(wire)
    const { question } = message
    if (question === null || message.isReply) return null
    const { remoteAddress, remotePort } = from
    return {
      name: question.name,
      type: typeName(message.qtype),
      transport,
      id: message.id,
      message,
      wire,
      remoteAddress,
      remotePort,
    }
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
