import type { Buffer } from 'node:buffer'
import { IntTable } from '../base/int-table.js'
import type { Remote } from './addresses.js'
import type { Core } from './core.js'
import type { Line } from './line.js'
import { Stream } from './stream.js'
import type { ConnectionEnd, ConnectionHandler, QuicConnection, QuicStream, StreamHandler } from './types.js'

/** What a connection needs of its endpoint. */
export interface ConnectionOwner {
  readonly core: Core
  /** Something is to be sent, soon. */
  wake(): void
  /** Runs `tell` in a later turn. */
  later(tell: () => void): void
  /** A connection is over, and its handler was told. */
  ended(): void
}

/** A connection, as its owner sees it; its endpoint tells it what happens. */
export class Connection implements QuicConnection {
  remote: Remote
  established = false
  alpn = ''
  earlyDataAccepted = false
  streamLimit = Infinity
  readonly index: number
  line: Line
  /** Datagrams that came, whatever was in them; of a client's connection alone. */
  datagrams = 0
  readonly #owner: ConnectionOwner
  readonly #core: Core
  #handler: ConnectionHandler
  /** By {@link keyOf} their IDs. */
  readonly #streams = new IntTable<Stream>()
  /** Streams that the peer has refused as 0-RTT, and for which there is no credit yet. */
  #again: Stream[] = []
  #end: ConnectionEnd | null = null
  #wants = false
  /** Bidirectional streams that we have opened. */
  #begun = 0
  #certificates: readonly Buffer[] | null = null

  constructor(owner: ConnectionOwner, index: number, remote: Remote, line: Line) {
    this.#owner = owner
    this.#core = owner.core
    this.#handler = NOBODY
    this.index = index
    this.remote = remote
    this.line = line
  }

  /** Who is told from now on. */
  set handler(handler: ConnectionHandler) {
    this.#handler = handler
  }

  get closed(): boolean {
    return this.#end !== null
  }

  get localPort(): number {
    return this.line.localPort
  }

  get peerCertificates(): readonly Buffer[] {
    if (this.#certificates !== null) return this.#certificates
    const found = this.#core.peerCertificates(this.index)
    if (this.established) this.#certificates = found
    return found
  }

  get heard(): number {
    return this.#core.heard(this.index)
  }

  get rtt(): number {
    return Math.max(0, this.#core.rtt(this.index))
  }

  get delivered(): boolean {
    return this.#core.unacknowledged(this.index) <= 0
  }

  get timeLeft(): number {
    const due = this.#core.due(this.index)
    return due < 0 ? Infinity : due
  }

  get early(): boolean {
    return !this.established && this.#end === null && this.#core.early(this.index)
  }

  open(handler: StreamHandler, bidirectional = true): QuicStream | null {
    if (this.#end !== null) return null
    const id = this.#again.length > 0 ? -1 : this.#core.open(this.index, !bidirectional)
    if (id < 0) {
      this.#wants = true
      if (bidirectional && this.established) this.streamLimit = Math.min(this.streamLimit, this.#begun)
      return null
    }
    if (bidirectional) this.#begun++
    const stream = new Stream(this, id, handler, true)
    if (!this.established) stream.keep()
    this.#streams.set(keyOf(id), stream)
    return stream
  }

  ping(): void {
    if (this.#end !== null) return
    this.#core.ping(this.index)
    this.#owner.wake()
  }

  grant(streams: number): void {
    if (this.#end !== null) return
    this.#core.grant(this.index, streams)
    this.#owner.wake()
  }

  close(code: number, reason = ''): void {
    if (this.#end !== null) return
    this.#core.close(this.index, code, reason)
    const end: ConnectionEnd = { cause: 'local', code, reason, established: this.established }
    this.#end = end
    this.#owner.later(() => this.#tellEnd(end))
    this.#owner.wake()
  }

  /** It has ended, and not by {@link close}. */
  lost(cause: ConnectionEnd['cause'], code: number, reason: string, error?: Error): void {
    if (this.#end !== null) return
    const { established } = this
    this.#end = { cause, code, reason, established, ...(error === undefined ? {} : { error }) }
    this.#tellEnd(this.#end)
  }

  connected(alpn: string, accepted: boolean, rejected: boolean): void {
    if (this.#end !== null) return
    const early = this.#inTurn()
    if (rejected) this.#revoke(early)
    this.established = true
    this.alpn = alpn
    this.earlyDataAccepted = accepted
    this.#handler.onConnected(this)
    if (this.closed) return
    if (rejected) this.#openAgain()
    else for (const stream of early) this.#settle(stream)
    this.credit()
  }

  opened(id: number): void {
    if (this.#end !== null) return
    const stream = new Stream(this, id, IGNORED, false)
    this.#streams.set(keyOf(id), stream)
    stream.handler = this.#handler.onStream(this, stream)
  }

  credit(): void {
    if (this.#end !== null || !this.established) return
    if (this.#again.length > 0) this.#openAgain()
    if (!this.#wants || this.#again.length > 0) return
    this.#wants = false
    this.#handler.onCredit(this)
  }

  data(id: number, octets: Buffer, fin: boolean): void {
    const stream = this.#streams.get(keyOf(id))
    if (stream === undefined || this.#end !== null) return
    stream.data(octets, fin)
    if (stream.ended) this.#drop(stream)
  }

  reset(id: number, code: number): void {
    const stream = this.#streams.get(keyOf(id))
    if (stream === undefined || this.#end !== null) return
    stream.reset(code)
    if (stream.ended) this.#drop(stream)
  }

  stopped(id: number, code: number): void {
    const stream = this.#streams.get(keyOf(id))
    if (stream === undefined || this.#end !== null) return
    stream.stopped(code)
    if (stream.ended) this.#drop(stream)
  }

  write(stream: Stream, octets: Buffer, fin: boolean): void {
    if (this.#end !== null) return
    this.#core.write(this.index, stream.id, octets, fin)
    if (stream.ended) this.#drop(stream)
    this.#owner.wake()
  }

  cancel(stream: Stream, code: number): void {
    if (this.#end !== null) return
    if (stream.id < 0) {
      this.#again = this.#again.filter((one) => one !== stream)
      return
    }
    this.#streams.delete(keyOf(stream.id))
    this.#core.cancel(this.index, stream.id, code)
    this.#owner.wake()
  }

  /** A stream that has ended is forgotten, but for one whose 0-RTT may have to be sent again. */
  #drop(stream: Stream): void {
    if (this.established) this.#streams.delete(keyOf(stream.id))
  }

  #settle(stream: Stream): void {
    stream.settled()
    if (stream.ended) this.#streams.delete(keyOf(stream.id))
  }

  #revoke(early: readonly Stream[]): void {
    for (const stream of early) {
      this.#streams.delete(keyOf(stream.id))
      stream.revoke()
    }
    this.#again = [...early]
  }

  #openAgain(): void {
    for (let stream = this.#again[0]; stream !== undefined; stream = this.#again[0]) {
      const id = this.#core.open(this.index, !stream.bidirectional)
      if (id < 0) return
      this.#again.shift()
      this.#streams.set(keyOf(id), stream)
      stream.again(id)
    }
    this.#owner.wake()
  }

  /** Every stream, in the order in which those of one kind were opened. */
  #inTurn(): readonly Stream[] {
    return [...this.#streams.values()].sort((a, b) => a.id - b.id)
  }

  #tellEnd(end: ConnectionEnd): void {
    const streams = [...this.#inTurn(), ...this.#again]
    this.#streams.clear()
    this.#again = []
    for (const stream of streams) stream.lost(end)
    this.#handler.onClosed(this, end)
    this.#owner.ended()
  }
}

/** The kind of stream, which is in the lowest two bits of an ID, goes above its number (RFC 9000, section 2.1); after 2^30 numbers begin anew. */
function keyOf(id: number): number {
  const low = id | 0
  return (low >>> 2) | (low << 30)
}

const IGNORED: StreamHandler = { onData() {}, onReset() {}, onStopped() {}, onLost() {} }
const NOBODY: ConnectionHandler = { onConnected() {}, onStream: () => IGNORED, onCredit() {}, onClosed() {} }
