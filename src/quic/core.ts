import { Buffer } from 'node:buffer'
import { randomFillSync } from 'node:crypto'
import { systemClock, type Clock } from '../base/clock.js'
import { ADDRESS } from './addresses.js'
import { wasm, type CoreModule, type WasmImport } from './wasm.js'

/** `core/src/abi.rs` says what each does. */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly _initialize?: () => void
  quic_input(n: number): number
  quic_output(): number
  quic_start_client(n: number): number
  quic_start_server(n: number): number
  quic_set_server(n: number): number
  quic_admit(connection: number, verdict: number): number
  quic_connect(n: number): number
  quic_receive(n: number): number
  quic_turn(): number
  quic_transmit(): number
  quic_next_due(): number
  quic_open(connection: number, unidirectional: number): number
  quic_write(connection: number, stream: number, n: number, fin: number): number
  quic_cancel(connection: number, stream: number, code: number): void
  quic_close(connection: number, code: number, n: number): void
  quic_grant(connection: number, streams: number): void
  quic_moved(connection: number, socket: number): void
  quic_ping(connection: number): void
  quic_heard(connection: number): number
  quic_peer_certificates(connection: number): number
  quic_rtt(connection: number): number
  quic_unacknowledged(connection: number): number
  quic_due(connection: number): number
  quic_early(connection: number): number
}

/** What a client that wants to connect is told, by the core's numbers. */
const VERDICTS = ['accept', 'prove', 'refuse'] as const

/**
 * `accept`: it may; `prove`: it is to prove first, by a Retry (RFC 9000, section 8.1.2), that its address is its own, and if it has it
 * is refused; `refuse`: CONNECTION_REFUSED (section 20.1). Neither of the latter two costs memory.
 */
export type Verdict = (typeof VERDICTS)[number]

/** A configuration or an address that the core refuses. */
export class CoreRefusal extends Error {}

const NOTHING = Buffer.alloc(0)
/** Octets of an event before its payload; of a datagram, the address not counted. */
export const EVENT_HEAD = 28
export const DATAGRAM_HEAD = 12
const ARRIVAL_HEAD = 8 + ADDRESS

/** A datagram that came. */
export interface Arrival {
  /** The number of the line that it came on. */
  readonly line: number
  /** Who sent it, in the core's form: {@link ADDRESS} octets. */
  readonly remote: Buffer
  readonly octets: Buffer
}

/**
 * One instance of the core: one endpoint, in a memory of its own.
 *
 * A trap in it ends it: `onTrap` is told once, in the call that met it, and every later call does nothing.
 */
export class Core {
  readonly #exports: Exports
  readonly #clock: Clock
  readonly #onTrap: (reason: string) => void
  #octets: Uint8Array
  #complaint = ''
  #dead = false
  #input = 0
  #inputSize = 0

  constructor(module: CoreModule, clock: Clock, onTrap: (reason: string) => void) {
    this.#clock = clock
    this.#onTrap = onTrap
    const { exports } = new wasm.Instance(module, { wasi_snapshot_preview1: this.#wasi() })
    this.#exports = exports as Exports
    this.#octets = new Uint8Array(this.#exports.memory.buffer)
    this.#exports._initialize?.()
    this.#reserve(65_536)
  }

  get dead(): boolean {
    return this.#dead
  }

  /** Frees nothing at once, but is called no more. */
  end(): void {
    this.#dead = true
  }

  /** @throws CoreRefusal */
  startClient(config: Buffer): void {
    this.#configured(() => this.#exports.quic_start_client(this.#put(config)))
  }

  /** @throws CoreRefusal */
  startServer(config: Buffer): void {
    this.#configured(() => this.#exports.quic_start_server(this.#put(config)))
  }

  /**
   * How later connections are served.
   *
   * @throws CoreRefusal
   */
  setServer(config: Buffer): void {
    this.#configured(() => this.#exports.quic_set_server(this.#put(config)))
  }

  /** Answers a client that wants to connect; whether there is a connection now, with the number that its event had. */
  admit(connection: number, verdict: Verdict): boolean {
    return this.#guard(0, () => this.#exports.quic_admit(connection, VERDICTS.indexOf(verdict))) === 1
  }

  /**
   * The number of a new connection.
   *
   * @throws CoreRefusal
   */
  connect(dial: Buffer): number {
    return this.#configured(() => this.#exports.quic_connect(this.#put(dial)))
  }

  /** Takes datagrams, in the order in which they came. */
  receive(arrivals: readonly Arrival[]): void {
    let total = 0
    for (const { octets } of arrivals) total += ARRIVAL_HEAD + octets.length
    this.#guard(0, () => {
      this.#reserve(total)
      const memory = this.#memory()
      let at = this.#input
      for (const { line, remote, octets } of arrivals) {
        at = putU32(memory, putU32(memory, at, octets.length), line)
        memory.set(remote, at)
        memory.set(octets, at + ADDRESS)
        at += ADDRESS + octets.length
      }
      return this.#exports.quic_receive(total)
    })
  }

  /** The events since the last call, the caller's to keep. */
  turn(): Buffer {
    return this.#taken(this.#guard(0, this.#exports.quic_turn))
  }

  /** Datagrams to send, the caller's to keep; to be called until there are none. */
  transmit(): Buffer {
    return this.#taken(this.#guard(0, this.#exports.quic_transmit))
  }

  /** In how many ms it wants a turn; negative: not at all. */
  nextDue(): number {
    return this.#guard(-1, this.#exports.quic_next_due)
  }

  /** The number of a new stream; -1 while there is no credit. */
  open(connection: number, unidirectional: boolean): number {
    if (this.#dead) return -1
    try {
      return this.#exports.quic_open(connection, unidirectional ? 1 : 0)
    } catch (error) {
      this.#trapped(error)
      return -1
    }
  }

  write(connection: number, stream: number, octets: Uint8Array, fin: boolean): void {
    if (this.#dead) return
    try {
      this.#exports.quic_write(connection, stream, this.#put(octets), fin ? 1 : 0)
    } catch (error) {
      this.#trapped(error)
    }
  }

  cancel(connection: number, stream: number, code: number): void {
    this.#guard(0, () => void this.#exports.quic_cancel(connection, stream, code))
  }

  close(connection: number, code: number, reason: string): void {
    this.#guard(0, () => void this.#exports.quic_close(connection, code, this.#put(Buffer.from(reason))))
  }

  /** The peer may have so many bidirectional streams open at once from now on. */
  grant(connection: number, streams: number): void {
    this.#guard(0, () => void this.#exports.quic_grant(connection, streams))
  }

  moved(connection: number, socket: number): void {
    this.#guard(0, () => void this.#exports.quic_moved(connection, socket))
  }

  ping(connection: number): void {
    this.#guard(0, () => void this.#exports.quic_ping(connection))
  }

  /** Acknowledgements and stream frames that came; -1 where there is no such connection. */
  heard(connection: number): number {
    return this.#guard(-1, () => this.#exports.quic_heard(connection))
  }

  peerCertificates(connection: number): Buffer[] {
    const octets = this.#taken(this.#guard(0, () => this.#exports.quic_peer_certificates(connection)))
    const found: Buffer[] = []
    for (let at = 0; at < octets.length;) {
      const end = at + 4 + octets.readUInt32LE(at)
      found.push(octets.subarray(at + 4, end))
      at = end
    }
    return found
  }

  /** Smoothed, in ms; -1 where there is no such connection. */
  rtt(connection: number): number {
    return this.#guard(-1, () => this.#exports.quic_rtt(connection))
  }

  /** How many streams have a side of ours whose end the peer has not acknowledged yet; -1 where there is no such connection. */
  unacknowledged(connection: number): number {
    return this.#guard(-1, () => this.#exports.quic_unacknowledged(connection))
  }

  /** In how many ms the connection wants time to pass; -1: not at all, or there is none. */
  due(connection: number): number {
    return this.#guard(-1, () => this.#exports.quic_due(connection))
  }

  /** Whether streams may be opened before the handshake is complete. */
  early(connection: number): boolean {
    return this.#guard(0, () => this.#exports.quic_early(connection)) === 1
  }

  #guard<T>(otherwise: T, call: () => T): T {
    if (this.#dead) return otherwise
    try {
      return call()
    } catch (error) {
      this.#trapped(error)
      return otherwise
    }
  }

  #trapped(error: unknown): void {
    if (this.#dead) return
    this.#dead = true
    const text = this.#complaint.trim().replace(/\s+/g, ' ')
    this.#onTrap(text === '' ? String(error) : text)
  }

  #configured(call: () => number): number {
    const made = this.#guard(-1, call)
    if (this.#dead) throw new CoreRefusal('the QUIC core failed')
    if (made < 0) throw new CoreRefusal(this.#taken(-1 - made).toString())
    return made
  }

  /** Copies to the input; how many octets. */
  #put(octets: Uint8Array): number {
    if (octets.length > this.#inputSize) this.#reserve(octets.length)
    this.#memory().set(octets, this.#input)
    return octets.length
  }

  #reserve(size: number): void {
    if (size <= this.#inputSize) return
    const at = this.#exports.quic_input(size)
    if (at + size > this.#exports.memory.buffer.byteLength) throw new RangeError('the input lies outside of the memory')
    this.#input = at
    this.#inputSize = size
  }

  /** A copy of the first `n` octets of the output. */
  #taken(n: number): Buffer {
    if (n === 0) return NOTHING
    const at = this.#guard(0, this.#exports.quic_output)
    const memory = this.#memory()
    if (at + n > memory.length) {
      this.#trapped(new RangeError('the output lies outside of the memory'))
      return NOTHING
    }
    const copy = Buffer.allocUnsafe(n)
    copy.set(memory.subarray(at, at + n))
    return copy
  }

  /** The whole memory; it is another array once it has grown. */
  #memory(): Uint8Array {
    const { buffer } = this.#exports.memory
    if (this.#octets.buffer !== buffer) this.#octets = new Uint8Array(buffer)
    return this.#octets
  }

  /** What Rust's standard library asks of a WASI host: entropy, time, and where to complain. Files there are none. */
  #wasi(): Record<string, WasmImport> {
    const view = () => new DataView(this.#exports.memory.buffer)
    const none = () => 0
    const BADF = () => 8
    const NOSYS = () => 52
    return {
      random_get: (at: number, n: number) => {
        randomFillSync(new Uint8Array(this.#exports.memory.buffer, at, n))
        return 0
      },
      clock_time_get: (id: number, _precision: bigint, out: number) => {
        const ms = id === 0 ? (this.#clock.wall ?? systemClock.wall!)() : this.#clock.now()
        view().setBigUint64(out, BigInt(Math.round(ms * 1000)) * 1000n, true)
        return 0
      },
      fd_write: (_fd: number, vectors: number, count: number, out: number) => {
        const at = view()
        let written = 0
        for (let i = vectors; i < vectors + 8 * count; i += 8) {
          const [from, n] = [at.getUint32(i, true), at.getUint32(i + 4, true)]
          this.#complaint += Buffer.from(this.#exports.memory.buffer, from, n).toString()
          written += n
        }
        at.setUint32(out, written, true)
        return 0
      },
      environ_sizes_get: (count: number, size: number) => {
        view().setUint32(count, 0, true)
        view().setUint32(size, 0, true)
        return 0
      },
      environ_get: none,
      sched_yield: none,
      fd_close: none,
      fd_seek: BADF,
      fd_fdstat_get: BADF,
      fd_prestat_get: BADF,
      fd_prestat_dir_name: BADF,
      poll_oneoff: NOSYS,
      proc_exit: (code: number) => {
        throw new Error(`the core exited with ${code}`)
      },
    }
  }
}

/** Little-endian; returns where it ends. */
function putU32(memory: Uint8Array, at: number, value: number): number {
  memory[at] = value
  memory[at + 1] = value >>> 8
  memory[at + 2] = value >>> 16
  memory[at + 3] = value >>> 24
  return at + 4
}
