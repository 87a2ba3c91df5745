import { Buffer } from 'node:buffer'
import type { Socket } from 'node:net'
import { Alarm, type Deadlines } from '../base/deadlines.js'
import { frame, frameAll, FrameReader } from '../transport/framing.js'
import type { Client, ReturnPath } from './answer.js'

/** Octets that may wait for a client that doesn't read before it is cut off. */
const MAX_UNREAD = 2 ** 20
/** Messages in a row that are no queries after which the client is cut off: they cost us far more than it. */
const MAX_STRAYS = 100
/** How long a client may take to close its side after we closed ours, in ms; then the connection is cut. */
const LINGER = 500
/** Messages of a chunk larger than this, in octets, are copied, so that one slow query doesn't hold on to all of it. */
const SHARED_CHUNK = 4096

/** One client's connection, as the limits of a server see it. */
export interface Connection {
  readonly client: Client
  /** Clock time of the last complete message, or of its beginning, in ms. */
  readonly active: number
  /** Whether it may be closed to make room: it owes the client nothing. */
  readonly spare: boolean
  /** Takes no more queries, and closes once those under way are answered. */
  finish(): void
  /** Cuts it. */
  destroy(): void
}

/** What connections need from the server. */
export interface TcpOwner {
  readonly deadlines: Deadlines
  /** How long a connection may be without a complete message, in ms. */
  readonly idleTimeout: number
  /** Queries under way on one connection after which it isn't read for a while. */
  readonly maxPipelined: number
  /** Queries after which a connection is closed. */
  readonly maxQueries: number
  now(): number
  /** A message came; returns whether it was a DNS query, good or bad. */
  onMessage(wire: Buffer, client: Client, path: ReturnPath): boolean
  /** Calls `connection.flush()` once the messages that have arrived by now are dealt with. */
  flushSoon(connection: TcpConnection): void
  onClosed(connection: Connection): void
}

/**
 * One client's connection, over TCP or TLS: queries are read as they come, replies go out in the order in which they are ready
 * (RFC 7766, sections 6.2.1.1 and 7), those of one turn of the loop in one write.
 *
 * Nothing but a complete message keeps it open (section 6.2.3): a client that sends octets one by one, or doesn't
 * read what it asked for, is cut off when its time is up.
 */
export class TcpConnection extends Alarm implements Connection, ReturnPath {
  readonly stream = true
  readonly client: Client
  active: number
  readonly #socket: Socket
  readonly #owner: TcpOwner
  readonly #reader = new FrameReader()
  #out: Buffer[] = []
  #underWay = 0
  #queries = 0
  #strays = 0
  #state: 'open' | 'finishing' | 'ending' | 'closed' = 'open'
  #flushing = false
  #chunk = 0

  constructor(socket: Socket, client: Client, owner: TcpOwner) {
    super()
    this.#socket = socket
    this.client = client
    this.#owner = owner
    this.active = owner.now()
    // 'close' follows by itself, but for an error of TLS after the handshake.
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('end', () => this.finish())
    socket.on('drain', () => this.#resumeIfFree())
    socket.on('close', () => this.#onClose())
    owner.deadlines.set(this, this.active + owner.idleTimeout)
  }

  get spare(): boolean {
    return this.#state === 'open' && this.#underWay === 0
  }

  deliver(octets: Buffer): boolean {
    if (this.#state === 'closed' || this.#state === 'ending') return false
    this.#out.push(octets)
    this.#scheduleFlush()
    return true
  }

  enter(): void {
    if (++this.#underWay >= this.#owner.maxPipelined) this.#socket.pause()
  }

  leave(): void {
    this.#underWay--
    this.#resumeIfFree()
    if (this.#state === 'finishing' && this.#underWay === 0) this.#scheduleFlush()
  }

  /** Writes what has gathered, and closes when that was the last of it. */
  flush(): void {
    this.#flushing = false
    if (this.#state === 'closed' || this.#state === 'ending') return
    const out = this.#out
    if (out.length > 0) {
      this.#out = []
      if (!this.#socket.write(out.length === 1 ? frame(out[0]!) : frameAll(out))) this.#socket.pause()
      if (this.#socket.writableLength > MAX_UNREAD) return this.destroy()
    }
    if (this.#state === 'finishing' && this.#underWay === 0) this.#end()
  }

  finish(): void {
    if (this.#state !== 'open') return
    this.#state = 'finishing'
    if (this.#underWay === 0) this.flush()
  }

  destroy(): void {
    this.#socket.destroy()
    this.#onClose()
  }

  override ring(now: number): void {
    const { deadlines, idleTimeout } = this.#owner
    if (this.#state === 'ending') return this.destroy()
    if (this.#underWay > 0) return deadlines.set(this, now + idleTimeout)
    const end = this.active + idleTimeout
    if (now < end) return deadlines.set(this, end)
    if (this.#reader.partial || this.#socket.writableLength > 0) this.destroy()
    else this.finish()
  }

  #onData(chunk: Buffer): void {
    if (this.#state !== 'open') return
    this.#chunk = chunk.length
    this.#reader.push(chunk, this.#onMessage)
  }

  readonly #onMessage = (wire: Buffer): void => {
    if (this.#state !== 'open') return
    const isQuery = this.#owner.onMessage(this.#chunk > SHARED_CHUNK ? Buffer.from(wire) : wire, this.client, this)
    if (!isQuery) return this.#onStray()
    this.#strays = 0
    this.active = this.#owner.now()
    if (++this.#queries >= this.#owner.maxQueries) this.finish()
  }

  #onStray(): void {
    if (++this.#strays >= MAX_STRAYS) this.destroy()
  }

  #scheduleFlush(): void {
    if (this.#flushing) return
    this.#flushing = true
    this.#owner.flushSoon(this)
  }

  /** Reads again when the client keeps up: it has read its replies, and few enough queries are under way. */
  #resumeIfFree(): void {
    if (this.#underWay < this.#owner.maxPipelined && !this.#socket.writableNeedDrain) this.#socket.resume()
  }

  #end(): void {
    this.#state = 'ending'
    const { deadlines, idleTimeout } = this.#owner
    // Bounds how long a client may leave its last replies unread.
    deadlines.set(this, this.#owner.now() + idleTimeout)
    this.#socket.end(() => {
      if (this.#state === 'ending') deadlines.set(this, this.#owner.now() + LINGER)
    })
    // The client's own end is seen only by reading on.
    this.#socket.resume()
  }

  #onClose(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#out = []
    this.#owner.deadlines.clear(this)
    this.#owner.onClosed(this)
  }
}
