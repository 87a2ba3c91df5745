import { systemClock, type Clock } from '../base/clock.js'
import { Emitter } from '../base/emitter.js'
import { option, readOptions } from '../base/options.js'
import { DnsError } from '../errors.js'
import { Forwarder, type ForwarderOptions } from '../forwarder/forwarder.js'
import type { HealthMonitor } from '../health/monitor.js'
import { Pool } from '../pool/pool.js'
import { createServer, type Server, type ServerAddress, type ServerOptions } from '../server/server.js'
import type { Upstream } from '../upstream/upstream.js'
import { Roster } from './roster.js'

/** What is deployed: of a `Config`, or made by hand. `forwarder` is plain data, or what was made there would be shared. */
export interface DeployedConfig {
  readonly forwarder: ForwarderOptions
  readonly server: ServerOptions
}

/** Options of {@link deploy}. */
export interface DeploymentOptions {
  /** @default real time */
  readonly clock?: Clock
}

/** What became of a configuration that was applied. */
export interface AppliedEvent {
  /** Upstreams that are new. */
  readonly added: readonly Upstream[]
  /** Upstreams that are no longer asked, and are closed once what is under way there is over. */
  readonly removed: readonly Upstream[]
  /** Upstreams that stay, with their connections and all that was learned of them. */
  readonly kept: readonly Upstream[]
  /** Where nobody listened before. */
  readonly opened: readonly ServerAddress[]
  /** Where nobody listens any more. */
  readonly closed: readonly ServerAddress[]
}

/** Events of a {@link Deployment}. */
export interface DeploymentEvents {
  /** Another configuration is in force. */
  applied: [event: AppliedEvent]
}

const OPTIONS = {
  clock: option<Clock>(systemClock, 'a Clock', (v) => typeof v === 'object' && v !== null && 'now' in v),
}

/**
 * Listens and forwards by `config`, which may be replaced while it runs.
 *
 * @returns once it listens everywhere
 * @throws {DnsError} as a rejection, as `new Forwarder()` and `createServer()` do
 */
export async function deploy(config: DeployedConfig, options: DeploymentOptions = {}): Promise<Deployment> {
  return Deployment.open(config, readOptions('deploy', OPTIONS, options).clock)
}

/**
 * A forwarder behind a server, made from a configuration that can be replaced without a query being lost. Made by
 * {@link deploy}.
 */
export class Deployment extends Emitter<DeploymentEvents> {
  readonly #clock: Clock
  readonly #server: Server
  readonly #retired = new Set<Retired>()
  #roster: Roster
  #forwarder: Forwarder
  #turn: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | null = null

  private constructor(clock: Clock, roster: Roster, forwarder: Forwarder, server: Server) {
    super()
    this.#clock = clock
    this.#roster = roster
    this.#forwarder = forwarder
    this.#server = server
  }

  /** @internal */
  static async open({ forwarder: options, server }: DeployedConfig, clock: Clock): Promise<Deployment> {
    const roster = new Roster({ clock, ...options })
    let forwarder: Forwarder | null = null
    try {
      forwarder = new Forwarder(roster.options)
      const deployment = new Deployment(clock, roster, forwarder, await createServer(forwarder, { clock, ...server }))
      startChecks(forwarder)
      return deployment
    } catch (error) {
      forwarder?.destroy()
      roster.discard()
      throw error
    }
  }

  /** What is asked now; another one after {@link apply}. */
  get forwarder(): Forwarder {
    return this.#forwarder
  }

  /** What listens: the same one for good. */
  get server(): Server {
    return this.#server
  }

  /** The server, through which metrics find everything else. */
  get parts(): readonly object[] {
    return [this.#server]
  }

  /**
   * Goes by `config` from now on. Upstreams whose address and options are the same stay, with their connections, their health and
   * what was learned of them; so do listeners, their clients' connections and what the cache holds. Queries under way
   * are answered by whom they were put to. Files of certificates are read again. One call waits for another.
   *
   * @throws {DnsError} as a rejection, as {@link deploy}; then nothing has changed. ERR_DNS_CLOSED once it is closed
   */
  apply(config: DeployedConfig): Promise<AppliedEvent> {
    const turn = this.#turn.then(() => this.#apply(config))
    this.#turn = turn.catch(() => undefined)
    return turn
  }

  /** Takes no more queries, answers those under way, and closes everything. Idempotent. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  /** Ends everything now. Idempotent. */
  destroy(): void {
    this.#closing ??= Promise.resolve()
    this.#server.destroy()
    for (const { forwarder } of this.#retired) forwarder.destroy()
    this.#forwarder.destroy()
    const gone = [...this.#retired].flatMap((retired) => retired.gone)
    for (const upstream of [...gone, ...this.#roster.upstreams]) upstream.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #apply({ forwarder: options, server }: DeployedConfig): Promise<AppliedEvent> {
    if (this.#closing !== null) throw new DnsError('ERR_DNS_CLOSED', 'the deployment is closed')
    const given = { clock: this.#clock, ...options }
    // Members that stay can't be in two forwarders at once without their monitors giving way: it is tried on others.
    const trial = new Forwarder(given)
    trial.destroy()
    const roster = new Roster(given, this.#roster)
    const before = this.#server.addresses
    try {
      const change = await this.#server.prepare(trial, server)
      change.commit(this.#succeed(roster))
    } catch (error) {
      roster.discard()
      throw error
    }
    const event = appliedEvent(roster, before, this.#server.addresses)
    this.notify('applied', () => event)
    return event
  }

  /** Puts a forwarder in the place of the one before, which ends once its queries are answered. */
  #succeed(roster: Roster): Forwarder {
    const before = this.#forwarder
    const monitors = monitorsOf(before)
    const handedOver = monitors.map((monitor) => monitor.handOver())
    const next = new Forwarder(roster.options, before)
    for (const settle of handedOver) settle()
    startChecks(next)
    this.#roster = roster
    this.#forwarder = next
    const retired: Retired = { forwarder: before, gone: roster.gone, done: retire(before, roster.gone) }
    this.#retired.add(retired)
    void retired.done.then(() => this.#retired.delete(retired))
    return next
  }

  async #close(): Promise<void> {
    await this.#turn
    await this.#server.close()
    await this.#forwarder.close()
    await Promise.all([...this.#retired].map(({ done }) => done))
    await Promise.all(this.#roster.upstreams.map((upstream) => upstream.close()))
  }
}

/** A forwarder of before, with queries under way, and upstreams that went with it. */
interface Retired {
  readonly forwarder: Forwarder
  readonly gone: readonly Upstream[]
  readonly done: Promise<void>
}

async function retire(forwarder: Forwarder, gone: readonly Upstream[]): Promise<void> {
  await forwarder.close()
  await Promise.all(gone.map((upstream) => upstream.close()))
}

function appliedEvent(
  { added, gone, upstreams }: Roster,
  before: readonly ServerAddress[],
  now: readonly ServerAddress[],
): AppliedEvent {
  const texts = (addresses: readonly ServerAddress[]): ReadonlySet<string> => new Set(addresses.map(String))
  const [old, current] = [texts(before), texts(now)]
  return {
    added,
    removed: gone,
    kept: upstreams.filter((upstream) => !added.includes(upstream)),
    opened: now.filter((address) => !old.has(String(address))),
    closed: before.filter((address) => !current.has(String(address))),
  }
}

/** Upstreams are known to be up or down before the first client asks. */
function startChecks(forwarder: Forwarder): void {
  for (const monitor of monitorsOf(forwarder)) monitor.start()
}

/** What checks the pools of `forwarder`, those of its routes among them. */
function monitorsOf(forwarder: Forwarder): readonly HealthMonitor[] {
  const pools = forwarder.parts.filter((part) => part instanceof Pool)
  return pools.flatMap(({ monitor }) => monitor ?? [])
}
