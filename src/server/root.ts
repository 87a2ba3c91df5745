import type { Address } from '../address/address.js'
import { isLoopback } from '../address/ip.js'
import type { Clock } from '../base/clock.js'
import { addressesOf, readInterfaces } from '../base/interfaces.js'
import { show } from '../base/options.js'
import { InvalidOptionError } from '../errors.js'
import type { ClientInfo, Exchanger, TransportName } from '../exchanger.js'
import { isExchanger } from '../query/sink.js'
import { ownerOfPort } from '../transport/own-ports.js'
import type { Message } from '../wire/message.js'
import { hostPort } from './listen-address.js'
import { carrierOf } from './server-address.js'

/** How long the addresses of this machine are remembered, in ms. */
const REMEMBERED = 5000
const WILDCARDS: ReadonlySet<string> = new Set(['0.0.0.0', '::'])

/** What a server wants to know of whom it asks. A `Forwarder` has it; an exchanger without it is asked everything. */
export interface RootHints {
  /** Whether a route was made for this name, so that it isn't answered as a special-use name. */
  covers(query: Message): boolean
  /** Whether any upstream has a private address, and may know names of private ranges. */
  readonly hasPrivateUpstream: boolean
  /** Everybody who may be asked. `address` is null where that is no server. */
  readonly upstreams: readonly { readonly name: string; readonly address: Address | null }[]
}

/** What a server asks. */
export interface Root extends Exchanger {
  /** The longest that one query takes, in ms; 5000 where it isn't said. */
  readonly timeout?: number
  /** What only it can know of special-use names and loops. */
  readonly hints?: RootHints
}

/** Where a listener is. */
interface Place {
  readonly transport: TransportName
  readonly address: string
  readonly port: number
}

/** @throws {InvalidOptionError} `root` cannot be asked */
export function checkRoot(root: unknown): asserts root is Root {
  if (isExchanger(root)) return
  throw new InvalidOptionError(
    'createServer',
    'root',
    `must be a Forwarder, Pool, Upstream or something else with exchange(query, ctx); got ${show(root)}`,
  )
}

/**
 * Refuses a root that would ask this very server (A13).
 *
 * @throws {InvalidOptionError} naming the upstream
 */
export function refuseOwnAddress(root: Root, listeners: readonly Place[], clock: Clock): void {
  const machine = new Machine(clock)
  for (const { name, address } of root.hints?.upstreams ?? []) {
    if (address === null || address.family === null) continue
    const spoken = plainOr(address.transport)
    const same = listeners.find(
      (at) =>
        plainOr(at.transport) === spoken &&
        at.port === address.port &&
        (at.address === address.host || (WILDCARDS.has(at.address) && machine.has(address.host))),
    )
    if (same === undefined) continue
    throw new InvalidOptionError(
      'createServer',
      plainOr(same.transport) === 'udp' ? 'listen' : `${same.transport}.listen`,
      `holds ${hostPort(same.address, same.port)}, where upstream ${show(name)} is asked as well: queries would go round in circles`,
    )
  }
}

/** A server of plain DNS is asked over UDP and TCP alike. */
function plainOr(transport: TransportName): TransportName {
  return transport === 'tcp' ? 'udp' : transport
}

/** Recognises queries that this process sent itself (A13). */
export class LoopGuard {
  readonly #root: Root
  readonly #ports: ReadonlySet<number>
  readonly #machine: Machine

  /** @param ports where the server listens */
  constructor(root: Root, ports: ReadonlySet<number>, clock: Clock) {
    this.#root = root
    this.#ports = ports
    this.#machine = new Machine(clock)
  }

  /**
   * Whether `client` is the socket of an upstream of our root; an upstream elsewhere cannot send from our own addresses. A
   * connection may have the port of another one that goes elsewhere: one of ours that comes to us is an upstream's that is
   * asked where we listen.
   */
  isOwn(client: ClientInfo): boolean {
    const protocol = carrierOf(client.transport)
    const owner = ownerOfPort(client.port, protocol)
    if (owner === null || !this.#machine.has(client.address)) return false
    const upstreams = this.#root.hints?.upstreams ?? []
    return upstreams.some(
      ({ name, address }) =>
        name === owner &&
        (address === null || address.family === null || this.#machine.has(address.host)) &&
        (protocol === 'udp' || address === null || this.#ports.has(address.port)),
    )
  }
}

/** The addresses of this machine, as the system last told them. */
class Machine {
  readonly #clock: Clock
  #addresses: ReadonlySet<string> = new Set()
  #until = -Infinity

  constructor(clock: Clock) {
    this.#clock = clock
  }

  has(address: string): boolean {
    if (isLoopback(address)) return true
    const now = this.#clock.now()
    if (now >= this.#until) {
      this.#until = now + REMEMBERED
      const interfaces = readInterfaces()
      if (interfaces !== null) this.#addresses = new Set(addressesOf(interfaces).map(({ address: own }) => own))
    }
    return this.#addresses.has(address)
  }
}
