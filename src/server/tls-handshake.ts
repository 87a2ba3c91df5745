import type { Socket } from 'node:net'
import { Alarm, type Deadlines } from '../base/deadlines.js'
import type { Client } from './answer.js'
import type { Connection } from './tcp-connection.js'

/** What a handshake needs from whoever began it. */
export interface HandshakeOwner {
  readonly deadlines: Deadlines
  now(): number
  /** The connection is gone. */
  onClosed(handshake: Handshake): void
}

/**
 * A connection whose client has not been through its TLS handshake yet: it is cut when it takes too long, or when its
 * place is needed.
 */
export class Handshake extends Alarm implements Connection {
  readonly client: Client
  readonly active: number
  readonly spare = true
  readonly #socket: Socket
  readonly #owner: HandshakeOwner
  #over = false

  /** @param timeout the longest that it may take, in ms */
  constructor(socket: Socket, client: Client, owner: HandshakeOwner, timeout: number) {
    super()
    this.#socket = socket
    this.client = client
    this.#owner = owner
    this.active = owner.now()
    socket.on('close', () => this.#onClose())
    owner.deadlines.set(this, this.active + timeout)
  }

  /** Whether it has ended, well or not. */
  get over(): boolean {
    return this.#over
  }

  /** It has come to its good end: what follows is another's. */
  end(): void {
    this.#over = true
    this.#owner.deadlines.clear(this)
  }

  finish(): void {
    this.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
    this.#onClose()
  }

  override ring(): void {
    this.destroy()
  }

  #onClose(): void {
    if (this.#over) return
    this.end()
    this.#owner.onClosed(this)
  }
}
