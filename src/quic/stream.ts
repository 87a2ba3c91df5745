import { Buffer } from 'node:buffer'
import type { Connection } from './connection.js'
import type { ConnectionEnd, QuicStream, StreamHandler } from './types.js'

interface Written {
  readonly octets: Buffer
  readonly fin: boolean
}

/** A stream, as its owner sees it; {@link Connection} tells it what happens. */
export class Stream implements QuicStream {
  /** Another one after the peer has refused 0-RTT, where streams before it were cancelled. */
  id: number
  readonly bidirectional: boolean
  handler: StreamHandler
  readonly #connection: Connection
  #reads: boolean
  #writes: boolean
  /** What was written as 0-RTT: it may have to be written again. */
  #early: Written[] | null = null

  constructor(connection: Connection, id: number, handler: StreamHandler, ours: boolean) {
    this.#connection = connection
    this.id = id
    this.handler = handler
    this.bidirectional = (id & 2) === 0
    this.#reads = this.bidirectional || !ours
    this.#writes = this.bidirectional || ours
  }

  /** Whether nothing happens on it any more. */
  get ended(): boolean {
    return !this.#reads && !this.#writes
  }

  write(octets: Buffer, fin: boolean): void {
    if (!this.#writes) return
    if (fin) this.#writes = false
    this.#early?.push({ octets: Buffer.from(octets), fin })
    if (this.id >= 0) this.#connection.write(this, octets, fin)
  }

  cancel(code: number): void {
    if (this.ended) return
    this.#reads = this.#writes = false
    this.#early = null
    this.#connection.cancel(this, code)
  }

  /** Keeps what is written from now on, until {@link settled}. */
  keep(): void {
    this.#early = []
  }

  /** The peer has taken what was kept, or it has been written again. */
  settled(): void {
    this.#early = null
  }

  /** Gives up its number, which the peer has not seen. */
  revoke(): void {
    this.id = -1
  }

  /** Writes anew what the peer has refused, as stream `id`. */
  again(id: number): void {
    this.id = id
    const written = this.#early ?? []
    this.#early = null
    for (const { octets, fin } of written) this.#connection.write(this, octets, fin)
  }

  data(octets: Buffer, fin: boolean): void {
    if (!this.#reads) return
    if (fin) this.#reads = false
    this.handler.onData(octets, fin)
  }

  reset(code: number): void {
    if (!this.#reads) return
    this.#reads = false
    this.handler.onReset(code)
  }

  stopped(code: number): void {
    const told = this.#writes || this.#reads
    this.#writes = false
    if (told) this.handler.onStopped(code)
  }

  lost(end: ConnectionEnd): void {
    if (this.ended) return
    this.#reads = this.#writes = false
    this.handler.onLost(end)
  }
}
