import type { ClientInfo, ExchangeContext, Query, Reply } from '../exchanger.js'
import type { Asking } from '../query/sink.js'

/** A client, with its address as the socket needs it: a zone included. */
export interface Client extends ClientInfo {
  readonly peer: string
}

/** The way back to a client: a UDP listener, one TCP or TLS connection, or one HTTP request. */
export interface ReturnPath {
  /** Whether a message may be as long as two length octets can say. */
  readonly stream: boolean
  /** Sends a whole message. Never throws; false when the client is gone. */
  deliver(octets: Buffer, client: Client): boolean
  /** A query that came this way is being asked, until {@link leave}. */
  enter(): void
  leave(): void
}

/** Told how asking ended. Neither may throw. */
export interface AnswerOwner {
  /** The longest that a query takes, in ms. */
  readonly timeout: number
  replied(answer: Answer, reply: Reply): void
  failed(answer: Answer, error: unknown): void
}

/**
 * One client's query under way: what there is to know when its reply comes, its context, and where its end is told, in
 * one object.
 */
export class Answer implements Asking, ExchangeContext {
  readonly query: Query
  readonly client: Client
  readonly path: ReturnPath
  readonly started: number
  readonly #owner: AnswerOwner
  /** Whether the client has been answered, or given up. */
  over = false
  /** @internal Whether `Duplicates` holds it. */ noted = false
  /** @internal */ line: WaitingLine | null = null
  /** @internal */ older: Answer | null = null
  /** @internal */ newer: Answer | null = null

  /** @param started clock time, in ms */
  constructor(owner: AnswerOwner, query: Query, client: Client, path: ReturnPath, started: number) {
    this.#owner = owner
    this.query = query
    this.client = client
    this.path = path
    this.started = started
  }

  get deadline(): number {
    return this.started + this.#owner.timeout
  }

  get timeout(): undefined {
    return undefined
  }

  get scope(): null {
    return null
  }

  get purpose(): 'query' {
    return 'query'
  }

  get trace(): null {
    return null
  }

  /** A client that asked wants its answer: nobody cancels. */
  attach(): false {
    return false
  }

  onReply(reply: Reply): void {
    this.#owner.replied(this, reply)
  }

  onFailure(error: unknown): void {
    this.#owner.failed(this, error)
  }
}

/** What {@link Answer} knows of the line that it waits in. */
export interface WaitingLine {
  remove(answer: Answer): void
}
