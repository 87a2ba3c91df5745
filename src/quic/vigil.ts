import type { Clock } from '../base/clock.js'
import { Watch, type Watched, type WatchTimes } from '../http/watch.js'
import type { QuicConnection } from './types.js'

/** When a {@link Vigil} asks, and of whom. */
export interface VigilOptions extends WatchTimes {
  /** What the peer is called. */
  readonly name: string
  readonly clock: Clock
}

/** The session whose connection a {@link Vigil} looks after. */
export interface VigilOwner {
  /** Requests that somebody waits for. */
  readonly size: number
  /** The peer gave no sign of life; `message` says so. */
  onGone(message: string): void
}

/**
 * A {@link Watch} of a QUIC connection: any frame that only the peer can have sent is a sign of life, whichever stream it
 * belongs to.
 */
export class Vigil implements Watched {
  /** Null until there is one. */
  connection: QuicConnection | null = null
  readonly #options: VigilOptions
  readonly #owner: VigilOwner
  readonly #watch: Watch
  /** What had been heard when the peer was asked. */
  #heard = 0

  constructor(options: VigilOptions, owner: VigilOwner) {
    this.#options = options
    this.#owner = owner
    this.#watch = new Watch(options.clock, options, this)
  }

  /** Whether the peer was asked for a sign of life and has given none yet. */
  get silent(): boolean {
    return this.#watch.asked && this.connection?.heard === this.#heard
  }

  /** Somebody waits, and nobody did before. */
  begin(): void {
    this.#watch.begin()
  }

  /** Something came. */
  heard(): void {
    this.#watch.heard()
  }

  stop(): void {
    this.#watch.stop()
  }

  /** @internal */
  get waiting(): boolean {
    return this.#owner.size > 0
  }

  /** @internal */
  ping(): void {
    this.#heard = this.connection?.heard ?? 0
    this.connection?.ping()
  }

  /** @internal */
  onSilence(): void {
    if (this.silent) {
      const { name, pingTimeout } = this.#options
      return this.#owner.onGone(`the connection to ${name} gave no sign of life within ${pingTimeout} ms`)
    }
    this.heard()
    if (this.waiting) this.begin()
  }
}
