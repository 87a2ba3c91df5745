import { Buffer } from 'node:buffer'
import { MAX_TIMER, type Clock, type Timer } from '../base/clock.js'
import { ADDRESS, Addresses } from './addresses.js'
import type { Connection, ConnectionOwner } from './connection.js'
import { Core, DATAGRAM_HEAD, EVENT_HEAD, type Arrival } from './core.js'
import type { Line, LineHandler } from './line.js'
import { printable } from './printable.js'
import type { CoreModule } from './wasm.js'

/** Events of the core; `core/src/codec.rs` says what each brings. */
const EVENT = {
  CONNECTED: 1,
  LOST: 2,
  DATA: 3,
  OPENED: 4,
  RESET: 5,
  STOPPED: 6,
  CREDIT: 7,
  DRAINED: 8,
  INCOMING: 9,
  MOVED: 10,
} as const

/** Causes of the core, by their number. */
const CAUSES = ['local', 'application', 'transport', 'idle', 'reset', 'local', 'version', 'timeout'] as const

/** Up to this many octets of events, what came on streams is handed out as parts of one buffer. */
const SHARED = 32_768
const NO_CONNECTION = 0xffff_ffff
const SETTLED = Promise.resolve()

/** One event, read. */
export interface CoreEvent {
  readonly kind: number
  readonly flags: number
  readonly connection: number
  readonly stream: number
  readonly code: number
  readonly payload: Buffer
}

/**
 * Drives one core: what arrives within one turn of the event loop is handed to it at once, and so is what its owner does in
 * answer, in promises as well; then everything that is to be sent goes out. That is where the speed comes from.
 *
 * It holds the process neither with its timer nor with its lines.
 */
export abstract class Endpoint implements ConnectionOwner {
  readonly #module: CoreModule
  readonly #clock: Clock
  #core: Core | null = null
  protected readonly addresses = new Addresses()
  protected readonly connections = new Map<number, Connection>()
  readonly #lines = new Map<number, Line>()
  #lastLine = 0
  #inbox: Arrival[] = []
  /** Whether a turn or a {@link #flush} is to come. */
  #woken = false
  #tasks: (() => void)[] = []
  #timer: Timer | null = null
  #timerAt = Infinity
  #destroyed = false

  protected constructor(module: CoreModule, clock: Clock) {
    this.#module = module
    this.#clock = clock
  }

  /** The instance at hand; a new one where there is none, or the last one failed. */
  get core(): Core {
    if (this.#core === null || this.#core.dead) {
      const core: Core = new Core(this.#module, this.#clock, (reason) => this.#trapped(core, reason))
      this.start(core)
      this.#core = core
    }
    return this.#core
  }

  protected get destroyed(): boolean {
    return this.#destroyed
  }

  wake(): void {
    if (this.#woken || this.#destroyed) return
    this.#woken = true
    this.#clock.afterPoll(this.#turn)
  }

  later(tell: () => void): void {
    this.#tasks.push(tell)
    this.wake()
  }

  ended(): void {}

  /** Configures a new instance. */
  protected abstract start(core: Core): void
  /** A peer wants to connect, and waits for an answer. */
  protected abstract incoming(event: CoreEvent, line: Line): void
  /** Nothing is left of a connection. */
  protected abstract drained(connection: Connection): void

  /** A number for a line to be. */
  protected nextLine(): number {
    return ++this.#lastLine
  }

  protected addLine(make: (handler: LineHandler) => Line, number = this.nextLine()): Line {
    const line = make({
      onDatagram: (octets, address, port) => this.#arrived(number, octets, address, port),
      onError: (error) => this.lineFailed(number, error),
    })
    this.#lines.set(number, line)
    return line
  }

  protected abstract lineFailed(number: number, error: NodeJS.ErrnoException): void

  protected dropLine(number: number): void {
    this.#lines.get(number)?.close()
    this.#lines.delete(number)
  }

  /** Sends what is to be sent, and ends everything without a word to anybody. */
  protected end(): void {
    if (this.#destroyed) return
    if (this.#core !== null && !this.#core.dead) this.#transmit(this.#core)
    this.#destroyed = true
    this.#core?.end()
    this.#clearTimer()
    for (const line of this.#lines.values()) line.close()
    this.#lines.clear()
    this.connections.clear()
    this.#inbox = []
    for (const task of this.#tasks.splice(0)) task()
  }

  #arrived(number: number, octets: Buffer, address: string, port: number): void {
    if (this.#destroyed) return
    this.#inbox.push({ line: number, remote: this.addresses.encode(address, port), octets })
    this.wake()
  }

  readonly #turn = (): void => {
    if (this.#destroyed) return
    const { core } = this
    this.#woken = true
    if (this.#inbox.length > 0) {
      core.receive(this.#inbox)
      this.#inbox = []
    }
    if (this.#tasks.length > 0) for (const task of this.#tasks.splice(0)) task()
    const told = this.#happened(core)
    if (this.#destroyed) return
    // Who asks the next question once a promise has brought the answer to the last shares a datagram with the acknowledgement.
    if (told) void SETTLED.then(this.#flushSoon)
    else this.#flush()
  }

  readonly #flushSoon = (): void => process.nextTick(this.#flush)

  /** Hands out what has happened; whether anything has. */
  #happened(core: Core): boolean {
    let told = false
    for (let events = core.turn(); events.length > 0; events = core.turn()) {
      told = true
      this.#tell(core, events)
    }
    return told
  }

  /** Sends what is to be sent. */
  readonly #flush = (): void => {
    this.#woken = false
    const core = this.#core
    if (core !== null) this.#happened(core)
    if (core !== null && !core.dead) {
      this.#transmit(core)
      this.#arm(core.nextDue())
    }
    if (this.#tasks.length > 0 || this.#inbox.length > 0) this.wake()
  }

  #transmit(core: Core): void {
    for (let batch = core.transmit(); batch.length > 0; batch = core.transmit()) {
      for (let at = 0; at < batch.length;) {
        const start = at + DATAGRAM_HEAD + ADDRESS
        const end = start + batch.readUInt32LE(at)
        this.#send(batch, at, batch.subarray(start, end))
        at = end
      }
    }
  }

  #send(batch: Buffer, at: number, octets: Buffer): void {
    const line = this.#lines.get(batch.readUInt32LE(at + 4))
    if (line === undefined) return
    const number = batch.readUInt32LE(at + 8)
    const known = number !== NO_CONNECTION && batch.readUInt16LE(at + DATAGRAM_HEAD + 2) === 0
    const remote = known ? this.connections.get(number)?.remote : this.addresses.decode(batch, at + DATAGRAM_HEAD)
    if (remote !== undefined) line.send(octets, remote.address, remote.port)
  }

  #tell(core: Core, events: Buffer): void {
    const shared = events.length <= SHARED
    for (let at = 0; at < events.length && !core.dead && !this.#destroyed;) {
      const start = at + EVENT_HEAD
      const end = start + events.readUInt32LE(at + 24)
      const kind = events[at]!
      const number = events.readUInt32LE(at + 4)
      const stream = wide(events, at + 8)
      const payload = events.subarray(start, end)
      if (kind === EVENT.DATA) {
        const octets = shared ? payload : Buffer.from(payload)
        this.connections.get(number)?.data(stream, octets, events[at + 1] !== 0)
      } else {
        const code = wide(events, at + 16)
        this.#tellOther({ kind, flags: events[at + 1]!, connection: number, stream, code, payload })
      }
      at = end
    }
  }

  #tellOther(event: CoreEvent): void {
    if (event.kind === EVENT.INCOMING) {
      const line = this.#lines.get(event.code)
      if (line !== undefined) this.incoming(event, line)
      return
    }
    const connection = this.connections.get(event.connection)
    if (connection === undefined) return
    switch (event.kind) {
      case EVENT.CONNECTED:
        return connection.connected(event.payload.toString('latin1'), (event.flags & 1) !== 0, event.flags === 2)
      case EVENT.LOST:
        return connection.lost(CAUSES[event.flags] ?? 'transport', event.code, printable(event.payload))
      case EVENT.OPENED:
        return connection.opened(event.stream)
      case EVENT.RESET:
        return connection.reset(event.stream, event.code)
      case EVENT.STOPPED:
        return connection.stopped(event.stream, event.code)
      case EVENT.CREDIT:
        return connection.credit()
      case EVENT.MOVED:
        connection.remote = this.addresses.decode(event.payload, 0)
        return
      case EVENT.DRAINED:
        this.connections.delete(event.connection)
        return this.drained(connection)
    }
  }

  /** Everything that the core knew is lost; the next use makes another. */
  #trapped(core: Core, reason: string): void {
    if (this.#core === core) this.#core = null
    this.#clearTimer()
    this.#inbox = []
    const connections = [...this.connections.values()]
    this.connections.clear()
    this.later(() => {
      for (const connection of connections) {
        connection.lost('trap', 0, `the QUIC core failed: ${reason}`)
        this.drained(connection)
      }
    })
  }

  #arm(wait: number): void {
    if (wait < 0) return this.#clearTimer()
    if (wait === 0) return this.wake()
    const at = this.#clock.now() + wait
    if (this.#timer !== null) {
      // One that rings too early finds nothing to do, and costs less than to be set anew each time.
      if (this.#timerAt <= at) return
      this.#clearTimer()
    }
    this.#timerAt = at
    this.#timer = this.#clock.setTimeout(this.#ring, Math.min(Math.ceil(wait), MAX_TIMER))
    this.#timer.unref?.()
  }

  readonly #ring = (): void => {
    this.#timer = null
    this.#timerAt = Infinity
    this.#turn()
  }

  #clearTimer(): void {
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer)
    this.#timer = null
    this.#timerAt = Infinity
  }
}

function wide(octets: Buffer, at: number): number {
  return octets.readUInt32LE(at) + octets.readUInt32LE(at + 4) * 0x1_0000_0000
}
