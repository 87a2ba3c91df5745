import { isIPv6 } from 'node:net'
import pAny from 'p-any'
import type { Clock, Timer } from '../base/clock.js'
import type { DnsError } from '../errors.js'
import { allFailed, closedFailure } from './failure.js'
import type { TransportOptions } from './transport.js'

/** How long an address is tried alone before the next one is tried as well, in ms (RFC 8305, section 5). */
const DELAY = 250
/**
 * Addresses that are tried before an attempt has failed, four of each family: whoever says where a server is could else
 * have us open thousands of connections to anywhere. What was not tried comes to the front by and by.
 */
const MAX_TRIED = 8

/** A connection, as far as a race minds. */
export interface Contender {
  /** Closes it at once. */
  destroy(): unknown
}

/**
 * Connects to `address` before `deadline`, in ms of the clock; `signal` ends it. Rejects with a DnsError and leaves
 * nothing open then.
 */
export type ConnectTo<S extends Contender> = (address: string, deadline: number, signal: AbortSignal) => Promise<S>

/**
 * Connects to the first address of an upstream that lets us: families by turns, the address that worked last in front
 * (RFC 8305, sections 4 and 5).
 */
export class Race<S extends Contender> {
  readonly #options: TransportOptions
  readonly #connect: ConnectTo<S>
  #best: string | null = null

  constructor(options: TransportOptions, connect: ConnectTo<S>) {
    this.#options = options
    this.#connect = connect
  }

  /**
   * A connection, made within `connectTimeout`; what else was begun is closed.
   *
   * @throws {DnsError} ERR_DNS_CONNECT or ERR_DNS_TLS: no address let us, and why; ERR_DNS_CLOSED: `signal` was aborted
   */
  async run(signal: AbortSignal): Promise<S> {
    const { addresses, clock, connectTimeout } = this.#options
    const deadline = clock.now() + connectTimeout
    const socket =
      addresses.length === 1
        ? await this.#connect(addresses[0]!, deadline, signal)
        : await this.#first(inTurn(addresses, this.#best).slice(0, MAX_TRIED), deadline, signal)
    if (!signal.aborted) return socket
    socket.destroy()
    throw closedFailure(this.#options)
  }

  async #first(addresses: readonly string[], deadline: number, signal: AbortSignal): Promise<S> {
    const { name, clock, connectTimeout } = this.#options
    // Of a short time each address gets its share.
    const contest = new Contest<S>(clock, Math.min(DELAY, connectTimeout / addresses.length))
    const race = pAny(
      addresses.map((address) => contest.enter(address, (stop) => this.#connect(address, deadline, stop))),
    )
    const cancel = (): void => race.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    contest.beginNext()
    try {
      const { address, socket } = await race
      this.#best = address
      return socket
    } catch {
      throw signal.aborted ? closedFailure(this.#options) : allFailed(name, contest.failures)
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
}

/** Who won, and with what. */
interface Winner<S> {
  readonly address: string
  readonly socket: S
}

/** What p-any waits for, and cancels once another one has won. */
type Entrant<S> = Promise<Winner<S>> & { readonly cancel: () => void }

/** Lets its entrants begin one after another: some time after the one before, or as soon as one has failed. */
class Contest<S extends Contender> {
  /** Why those that have failed did. */
  readonly failures: DnsError[] = []
  readonly #clock: Clock
  readonly #delay: number
  readonly #waiting: (() => void)[] = []
  #timer: Timer | null = null

  constructor(clock: Clock, delay: number) {
    this.#clock = clock
    this.#delay = delay
  }

  enter(address: string, run: (signal: AbortSignal) => Promise<S>): Entrant<S> {
    const abort = new AbortController()
    let connected: S | null = null
    const entrant = new Promise<Winner<S>>((resolve, reject) => {
      const onConnected = (socket: S): void => {
        connected = socket
        if (abort.signal.aborted) socket.destroy()
        resolve({ address, socket })
      }
      const onFailed = (error: DnsError): void => {
        this.failures.push(error)
        reject(error)
        this.beginNext()
      }
      this.#waiting.push(() => void run(abort.signal).then(onConnected, onFailed))
    })
    const cancel = (): void => {
      this.#end()
      abort.abort()
      connected?.destroy()
    }
    return Object.assign(entrant, { cancel })
  }

  /** Begins the next one that waits, if any. */
  beginNext(): void {
    this.#stopTimer()
    this.#waiting.shift()?.()
    if (this.#waiting.length === 0) return
    this.#timer = this.#clock.setTimeout(() => this.beginNext(), this.#delay)
    this.#timer.unref?.()
  }

  /** Nobody begins any more. */
  #end(): void {
    this.#waiting.length = 0
    this.#stopTimer()
  }

  #stopTimer(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer)
    this.#timer = null
  }
}

/** `best` in front where it is still among them, then one of the other family, and so on by turns. */
function inTurn(addresses: readonly string[], best: string | null): readonly string[] {
  const first = best !== null && addresses.includes(best) ? best : addresses[0]!
  const rest = addresses.filter((address) => address !== first)
  const same = rest.filter((address) => isIPv6(address) === isIPv6(first))
  const other = rest.filter((address) => isIPv6(address) !== isIPv6(first))
  const order = [first]
  while (same.length + other.length > 0) order.push(...other.splice(0, 1), ...same.splice(0, 1))
  return order
}
