import { Buffer } from 'node:buffer'
import { Message } from '../wire/message.js'
import { flagsOf } from './key.js'

/** Octets of the date before the message. */
const DATE = 8
/** The longest value that can hold a message, characters. */
const MAX_VALUE = Math.ceil((DATE + 65_535) / 3) * 4

/** What a store has the reply to `query` under: text that holds no more than letters, digits and `-_:`. */
export function sharedKey(partition: string, query: Message): string {
  const question = Buffer.from(query.questionKey, 'latin1').toString('base64url')
  return `headrace:1:${Buffer.from(partition).toString('base64url')}:${flagsOf(query)}:${question}`
}

/** A reply as text, with the date at which it was received, in ms. */
export function sharedValue(octets: Buffer, received: number): string {
  const date = Buffer.alloc(DATE)
  date.writeDoubleBE(received)
  return Buffer.concat([date, octets]).toString('base64')
}

/** A reply that a store had, and when it was received, in ms. */
export interface SharedReply {
  readonly message: Message
  readonly received: number
}

/**
 * Reads what a store has, which anybody may have written: null for anything but a well-formed reply to `query`, without
 * records that belong to other names (A08).
 */
export function readShared(value: unknown, query: Message): SharedReply | null {
  if (typeof value !== 'string' || value.length > MAX_VALUE) return null
  const octets = Buffer.from(value, 'base64')
  if (octets.length <= DATE) return null
  const message = Message.read(octets.subarray(DATE))
  if (message === null || !message.isReply || !message.sameQuestion(query)) return null
  const received = octets.readDoubleBE(0)
  return Number.isFinite(received) ? { message: message.scrubbed(), received } : null
}
