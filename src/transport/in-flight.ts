import { randomFillSync } from 'node:crypto'
import { IntTable } from '../base/int-table.js'
import type { DnsError } from '../errors.js'
import { acceptReply } from '../wire/accept.js'
import type { Channel, Pending } from './pending.js'

/** Queries in flight on one socket or connection before another is opened. */
export const MAX_IN_FLIGHT = 2048
/** IDs taken on one channel before another is opened: a free one is still found in two draws. */
const MAX_RESERVED = 32_768
/** Octets of a DNS header (RFC 1035, section 4.1.1); fewer hold no ID worth looking up. */
const HEADER = 12

/** What became of octets that came in: `late` has the ID of a query that was given up, `unknown` one that never was. */
export type Settlement = 'settled' | 'mismatch' | 'late' | 'unknown'

/**
 * Queries sent on one socket or connection and not answered yet, by message ID.
 *
 * Whoever takes an entry out settles it, nobody else may: reply, timeout, cancel and a dead connection all go through
 * one take. IDs are unpredictable and unique here (RFC 5452, section 9.2; RFC 7766, section 6.2.1).
 */
export class InFlight {
  /** null: given up, but its reply may still come, so the ID stays reserved. */
  readonly #entries = new IntTable<Pending | null>()
  readonly #channel: Channel
  readonly #reusesIds: boolean
  #size = 0
  #added = 0

  /**
   * @param channel what {@link Pending.channel} is set to
   * @param reusesIds whether an ID is free again once its reply came. Not over UDP, where a second copy of the reply
   *   may follow and each ID serves once in a socket's life.
   */
  constructor(channel: Channel, reusesIds: boolean) {
    this.#channel = channel
    this.#reusesIds = reusesIds
  }

  get size(): number {
    return this.#size
  }

  /** Whether another channel has to take the next query. */
  get full(): boolean {
    return this.#size >= MAX_IN_FLIGHT || this.#entries.size >= MAX_RESERVED
  }

  /** Puts `pending` in flight: stamps its ID and channel. Not when {@link full}. */
  add(pending: Pending): void {
    let id = randomId()
    while (this.#entries.has(id)) id = randomId()
    this.#entries.set(id, pending)
    this.#size++
    pending.id = id
    pending.turn = this.#added++
    pending.channel = this.#channel
  }

  /** Takes `pending` out, for the caller to settle; its ID stays reserved. False: it isn't here any more. */
  take(pending: Pending): boolean {
    if (this.#entries.get(pending.id) !== pending) return false
    this.#entries.set(pending.id, null)
    this.#size--
    pending.channel = null
    return true
  }

  /**
   * Settles the query that `wire` is the reply to. One that doesn't answer it leaves the entry in place, so that the
   * true reply can still come.
   */
  settle(wire: Buffer): Settlement {
    if (wire.length < HEADER) return 'unknown'
    const id = (wire[0]! << 8) | wire[1]!
    const pending = this.#entries.get(id)
    if (pending === undefined) return 'unknown'
    if (pending === null) return this.#settleLate(id)
    const reply = acceptReply(wire, pending.query, pending.subnet)
    if (reply === null) {
      pending.mismatches++
      pending.onMismatch()
      return 'mismatch'
    }
    this.take(pending)
    if (this.#reusesIds) this.#entries.delete(id)
    pending.onReply(reply, 0)
    return 'settled'
  }

  /** Takes everything out, in the order in which it was put in, for the caller to settle. */
  takeAll(): Pending[] {
    const taken = this.#inTurn()
    for (const pending of taken) this.take(pending)
    return taken
  }

  /** Fails everything: the socket or connection is of no use. */
  failAll(error: DnsError): void {
    for (const pending of this.takeAll()) pending.onFailure(error)
  }

  /** Everything in flight, in the order in which it was put in. */
  [Symbol.iterator](): Iterator<Pending> {
    return this.#inTurn().values()
  }

  #inTurn(): Pending[] {
    const pending = [...this.#entries.values()].filter((entry) => entry !== null)
    return pending.sort((a, b) => a.turn - b.turn)
  }

  #settleLate(id: number): Settlement {
    if (this.#reusesIds) this.#entries.delete(id)
    return 'late'
  }
}

const pool = new Uint16Array(1024)
let left = 0

/** 16 unpredictable bits. One crypto call for 1024 of them: a call each would cost more than the rest of a send. */
export function randomId(): number {
  if (left === 0) {
    randomFillSync(pool)
    left = pool.length
  }
  return pool[--left]!
}
