import { systemClock } from '../base/clock.js'
import { reject } from '../base/options.js'
import { DnsError } from '../errors.js'
import type { TransportName } from '../exchanger.js'
import { endpoint } from '../transport/failure.js'
import type { FakeListener } from './fake-port.js'
import { FakeQuic } from './fake-quic.js'
import { FakeTcp } from './fake-tcp.js'
import { FakeTls, type FakeTlsOwner } from './fake-tls.js'
import { FakeUdp } from './fake-udp.js'

/** Ports to try until one is free for both UDP and TCP; how often one is tried that was ours before. */
const MAX_TRIES = 20
/** How long between two tries of one port, in ms. */
const PAUSE = 50

type Factory = (owner: FakeTlsOwner, alpn: readonly string[] | undefined, earlyData: boolean) => FakeListener

/** TCP before UDP: fewer of its ports are free. */
const LISTENERS = new Map<TransportName, Factory>([
  ['tcp', (owner) => new FakeTcp(owner)],
  ['udp', (owner) => new FakeUdp(owner)],
  ['tls', (owner, alpn = ['dot']) => new FakeTls('tls', alpn, owner)],
  ['https', (owner, alpn = ['h2']) => new FakeTls('https', alpn, owner)],
  ['doq', (owner, alpn = ['doq'], earlyData) => new FakeQuic('doq', alpn, owner, earlyData)],
  ['h3', (owner, alpn = ['h3']) => new FakeQuic('h3', alpn, owner)],
])

/** Options of {@link FakePorts}, as a FakeServer is given them. */
export interface FakePortsOptions {
  readonly host: string
  /** Of the first transport, and of whatever shares it; 0 lets the kernel choose. */
  readonly port: number
  readonly transports: readonly TransportName[]
  readonly alpn: readonly string[] | undefined
  readonly earlyData: boolean
}

/** Where a FakeServer listens: one port that UDP and TCP share, and one for each encrypted transport. */
export class FakePorts {
  /** What it is asked over. */
  readonly transports: readonly TransportName[]
  /** Whose port is the server's: UDP's and TCP's, where there is one. */
  readonly main: TransportName
  readonly #host: string
  readonly #listeners: ReadonlyMap<TransportName, FakeListener>
  #numbers: Map<TransportName, number>
  #listening = false
  /** Whether the ports were ours before. */
  #isBack = false

  /** @throws {InvalidOptionError} no transports, or one that isn't known */
  constructor({ host, port, transports, alpn, earlyData }: FakePortsOptions, owner: FakeTlsOwner) {
    const unknown = transports.find((name) => !LISTENERS.has(name))
    if (unknown !== undefined || transports.length === 0)
      reject('FakeServer', 'transports', unknown ?? transports, 'some of udp, tcp, tls, https, doq and h3')
    this.transports = [...transports]
    this.main = transports.find((name) => name === 'udp') ?? transports.find((name) => name === 'tcp') ?? transports[0]!
    this.#host = host
    this.#numbers = new Map([[shared(this.main), port]])
    const served = [...LISTENERS].filter(([name]) => transports.includes(name))
    this.#listeners = new Map(served.map(([name, make]) => [name, make(owner, alpn, earlyData)]))
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#sum((listener) => listener.connections)
  }

  /** Connections that were ever accepted. */
  get accepted(): number {
    return this.#sum((listener) => listener.accepted)
  }

  /** TLS handshakes that were completed. */
  get handshakes(): number {
    return this.#sum((listener) => listener.handshakes ?? 0)
  }

  /** Those of them that resumed a session. */
  get resumed(): number {
    return this.#sum((listener) => (listener instanceof FakeTls ? listener.resumed : 0))
  }

  /** Queries that came as 0-RTT. */
  get early(): number {
    return this.#sum((listener) => (listener instanceof FakeQuic ? listener.early : 0))
  }

  /** @throws {InvalidOptionError} `transport` isn't served */
  portOf(transport: TransportName): number {
    if (this.#listeners.has(transport)) return this.#numbers.get(shared(transport)) ?? 0
    return reject('FakeServer', 'transports', this.transports.join(', '), `some with ${transport} among them`)
  }

  /** Shows the identity's present certificate to who connects next. */
  renew(): void {
    for (const listener of this.#listeners.values()) listener.renew?.()
  }

  /**
   * Listens, on the same ports as before if it has. Does nothing while listening.
   *
   * @throws {DnsError} ERR_DNS_CONNECT (as a rejection): a port is taken
   */
  async open(): Promise<void> {
    if (this.#listening) return
    this.#listening = true
    const wanted = new Map(this.#numbers)
    for (let tries = 1; ; tries++) {
      try {
        for (const [name, listener] of this.#listeners) {
          const number = await listener.open(this.#host, this.#numbers.get(shared(name)) ?? 0)
          this.#numbers.set(shared(name), number)
        }
        this.#isBack = true
        return
      } catch (cause) {
        await this.#closeAll()
        this.#numbers = new Map(wanted)
        if (wanted.get(shared(this.main)) === 0 && tries < MAX_TRIES) continue
        // Somebody's random port for a moment.
        if (this.#isBack && tries < MAX_TRIES) {
          await pause()
          continue
        }
        this.#listening = false
        const where = endpoint(this.#host, this.portOf(this.main))
        throw new DnsError('ERR_DNS_CONNECT', `FakeServer cannot listen on ${where}`, { cause })
      }
    }
  }

  /** Closes all ports, connections included: UDP gets an ICMP error, TCP a reset. */
  async close(): Promise<void> {
    await this.#closeAll()
    this.#listening = false
  }

  async #closeAll(): Promise<void> {
    await Promise.all([...this.#listeners.values()].map((listener) => listener.close()))
    // The loop lets go of a handle at the end of a turn, after dgram has said that it is closed.
    for (let turns = 0; turns < 2; turns++) await new Promise((resolve) => setImmediate(resolve))
  }

  #sum(count: (listener: FakeListener) => number): number {
    return [...this.#listeners.values()].reduce((sum, listener) => sum + count(listener), 0)
  }
}

/** Whose port `transport` listens on. */
function shared(transport: TransportName): TransportName {
  return transport === 'tcp' ? 'udp' : transport
}

function pause(): Promise<void> {
  return new Promise((resolve) => systemClock.setTimeout(resolve, PAUSE))
}
