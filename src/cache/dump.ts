import { Buffer } from 'node:buffer'
import { MalformedMessageError } from '../errors.js'
import { Message } from '../wire/message.js'
import { FLAG, hashQuestion } from './key.js'
import type { Memory } from './memory.js'
import { hashFor } from './networks.js'

/**
 * The octets of a dump, all numbers big-endian:
 *
 * - `HRCACHE`, and 1, the version
 * - the date it was made, ms as a double
 * - how many partitions, 16 bits; each: length of its name, 16 bits, and the name in UTF-8
 * - how many entries, 32 bits; each: partition, 16 bits; flags, 8 bits; whether it was in the main queue, 8 bits; age, ms as a
 *   double; length of the message, 16 bits; the message
 * - a checksum of all before, 32 bits
 */
const MAGIC = Buffer.from('HRCACHE\x01', 'latin1')
const DATE_AT = MAGIC.length
const NAMES_AT = DATE_AT + 8
const ENTRY_HEAD = 14
const CHECKSUM = 4
const KNOWN_FLAGS = FLAG.DNSSEC_OK | FLAG.CHECKING_DISABLED | FLAG.AUTHENTIC_DATA | FLAG.SUBNET

/** What a cache remembers of replies, as octets. `names`: the names of the partitions, in the order of their numbers. */
export function writeDump(memory: Memory, names: readonly string[]): Buffer {
  const { store, timeline } = memory
  const texts = names.map((name) => Buffer.from(name))
  let size = NAMES_AT + 2 + 4 + CHECKSUM
  for (const text of texts) size += 2 + text.length
  store.each((slab, at) => (size += ENTRY_HEAD + slab.length(at)))
  const out = Buffer.alloc(size)
  MAGIC.copy(out)
  out.writeDoubleBE(timeline.wall, DATE_AT)
  let pos = out.writeUInt16BE(texts.length, NAMES_AT)
  for (const text of texts) {
    pos = out.writeUInt16BE(text.length, pos)
    pos += text.copy(out, pos)
  }
  pos = out.writeUInt32BE(store.count, pos)
  const { now } = timeline
  store.each((slab, at) => {
    const length = slab.length(at)
    const message = slab.message(at)
    out.writeUInt16BE(slab.partition(at), pos)
    out[pos + 2] = slab.flags(at)
    out[pos + 3] = slab.isMain ? 1 : 0
    out.writeDoubleBE(Math.max(0, now - slab.stored(at)), pos + 4)
    out.writeUInt16BE(length, pos + 12)
    slab.bytes.copy(out, pos + ENTRY_HEAD, message, message + length)
    pos += ENTRY_HEAD + length
  })
  out.writeUInt32BE(checksum(out, pos), pos)
  return out
}

/**
 * Takes a dump in, older by as long as it lay on the disk. Entries of partitions that `names` doesn't have are left out,
 * and what the cache knows better stays.
 *
 * @returns how many entries were taken
 * @throws {MalformedMessageError} it is no dump, or a damaged one: then nothing was taken
 */
export function readDump(memory: Memory, names: readonly string[], octets: Buffer): number {
  const dump = new DumpReader(octets)
  dump.each(() => undefined)
  const asleep = Math.max(0, memory.timeline.wall - dump.date)
  const ids = dump.names.map((name) => names.indexOf(name))
  let taken = 0
  dump.each((entry) => {
    const partition = ids[entry.partition]!
    if (partition < 0) return
    const { wire, questionEnd } = entry.message
    const question = hashQuestion(wire, questionEnd, memory.seed)
    const hash = isForSubnet(entry.flags) ? hashFor(entry.message.subnet!, question) : question
    const place = { hash, flags: entry.flags, partition }
    const age = (entry.age + asleep) / 1000
    if (typeof memory.put(place, entry.message, age, entry.isMain || undefined) === 'object') taken++
  })
  return taken
}

interface DumpedEntry {
  readonly partition: number
  readonly flags: number
  readonly isMain: boolean
  /** ms when the dump was made. */
  readonly age: number
  readonly message: Message
}

class DumpReader {
  readonly names: string[] = []
  /** When it was made, in ms. */
  readonly date: number
  readonly #octets: Buffer
  readonly #entriesAt: number

  constructor(octets: Buffer) {
    this.#octets = octets
    const { length } = octets
    if (length < NAMES_AT + 2 + 4 + CHECKSUM || MAGIC.compare(octets, 0, MAGIC.length) !== 0)
      throw damaged('is not a dump of this version')
    if (octets.readUInt32BE(length - CHECKSUM) !== checksum(octets, length - CHECKSUM)) throw damaged('is damaged')
    this.date = octets.readDoubleBE(DATE_AT)
    let at = NAMES_AT + 2
    for (let left = octets.readUInt16BE(NAMES_AT); left > 0; left--) {
      const end = at + 2 + this.#number16(at)
      this.#need(end)
      this.names.push(octets.toString('utf8', at + 2, end))
      at = end
    }
    this.#entriesAt = at
  }

  /** Calls `visit` with each entry, none of which has anything wrong with it. */
  each(visit: (entry: DumpedEntry) => void): void {
    const octets = this.#octets
    let at = this.#entriesAt + 4
    this.#need(at)
    for (let left = octets.readUInt32BE(this.#entriesAt); left > 0; left--) {
      this.#need(at + ENTRY_HEAD)
      const end = at + ENTRY_HEAD + octets.readUInt16BE(at + 12)
      this.#need(end)
      visit(this.#entry(at, end))
      at = end
    }
    if (at !== octets.length - CHECKSUM) throw damaged('has octets after its last entry')
  }

  #entry(at: number, end: number): DumpedEntry {
    const octets = this.#octets
    const partition = octets.readUInt16BE(at)
    const age = octets.readDoubleBE(at + 4)
    const message = Message.read(octets.subarray(at + ENTRY_HEAD, end))
    if (message === null || !message.isReply || message.qtype === 0 || message.wire.length !== end - at - ENTRY_HEAD)
      throw damaged('holds a malformed message')
    const flags = octets[at + 2]!
    if (partition >= this.names.length || (flags & ~KNOWN_FLAGS) !== 0 || !(age >= 0))
      throw damaged('holds an odd entry')
    if (isForSubnet(flags) && message.subnet === null) throw damaged('holds a reply for no network')
    return { partition, flags, isMain: octets[at + 3] === 1, age, message }
  }

  #number16(at: number): number {
    this.#need(at + 2)
    return this.#octets.readUInt16BE(at)
  }

  #need(end: number): void {
    if (end > this.#octets.length - CHECKSUM) throw damaged('ends too early')
  }
}

/** Whether the message of an entry says what network it is for. */
function isForSubnet(flags: number): boolean {
  return (flags & FLAG.SUBNET) !== 0
}

/** FNV-1a over the first `end` octets. */
function checksum(octets: Buffer, end: number): number {
  let sum = 0x811c_9dc5
  for (let i = 0; i < end; i++) sum = Math.imul(sum ^ octets[i]!, 0x0100_0193)
  return sum >>> 0
}

function damaged(what: string): MalformedMessageError {
  return new MalformedMessageError(`cache dump ${what}`)
}
