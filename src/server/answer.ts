import type { ClientInfo, ExchangeContext, Exchanger, Query, Reply } from '../exchanger.js'

/** A client, with its address as the socket needs it: a zone included. */
export interface Client extends ClientInfo {
  readonly peer: string
}

/** The way back to a client: a UDP listener, or one TCP connection. */
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
  replied(answer: Answer, reply: Reply): void
  failed(answer: Answer, error: unknown): void
}

/** One client's query under way: what there is to know when its reply comes. */
export class Answer {
  readonly query: Query
  readonly client: Client
  readonly path: ReturnPath
  /** Clock time, in ms. */
  readonly started: number
  /** Whether the client has been answered, or given up. */
  over = false
  /** @internal Whether `Duplicates` holds it. */ noted = false
  /** @internal */ line: WaitingLine | null = null
  /** @internal */ older: Answer | null = null
  /** @internal */ newer: Answer | null = null

  constructor(query: Query, client: Client, path: ReturnPath, started: number) {
    this.query = query
    this.client = client
    this.path = path
    this.started = started
  }

  /** Asks `root`, whatever it may do: one that throws instead of rejecting has failed like any other. */
  ask(root: Exchanger, ctx: ExchangeContext, owner: AnswerOwner): void {
    try {
      Promise.resolve(root.exchange(this.query, ctx)).then(
        (reply) => owner.replied(this, reply),
        (error: unknown) => owner.failed(this, error),
      )
    } catch (error) {
      owner.failed(this, error)
    }
  }
}

/** What {@link Answer} knows of the line that it waits in. */
export interface WaitingLine {
  remove(answer: Answer): void
}
