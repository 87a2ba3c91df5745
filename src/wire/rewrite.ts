import { TYPE } from './constants.js'
import { labelAt, skipName } from './name.js'
import { HEADER, pastName, type Layout } from './walk.js'

const MAX_MESSAGE = 65_535
const MAX_TARGET = 0x3fff
/** RDATA with names by type: octets before them, how many, and whether they may be compressed (RFC 3597, section 4). */
const NAMES: ReadonlyMap<number, readonly [before: number, count: number, compress: boolean]> = new Map([
  [TYPE.NS, [0, 1, true]],
  [TYPE.MD, [0, 1, true]],
  [TYPE.MF, [0, 1, true]],
  [TYPE.CNAME, [0, 1, true]],
  [TYPE.SOA, [0, 2, true]],
  [TYPE.MB, [0, 1, true]],
  [TYPE.MG, [0, 1, true]],
  [TYPE.MR, [0, 1, true]],
  [TYPE.PTR, [0, 1, true]],
  [TYPE.MINFO, [0, 2, true]],
  [TYPE.MX, [2, 1, true]],
  [TYPE.DNAME, [0, 1, false]],
  [TYPE.RP, [0, 2, false]],
  [TYPE.AFSDB, [2, 1, false]],
  [TYPE.RT, [2, 1, false]],
  [TYPE.KX, [2, 1, false]],
  [TYPE.PX, [2, 2, false]],
  [TYPE.SRV, [6, 1, false]],
  [TYPE.SIG, [18, 1, false]],
  [TYPE.RRSIG, [18, 1, false]],
  [TYPE.NSEC, [0, 1, false]],
] as const)

/** Which section a record is in. */
export type Section = 'answer' | 'authority' | 'additional'

/** Says whether a record stays: where it starts, where its owner ends, its section. */
export type Keep = (at: number, past: number, section: Section) => boolean

let scratch: Buffer | null = null

/**
 * A walked message written anew with only the records that `keep` wants: names are compressed as they were where their
 * targets are still there, else written in full, so that no pointer breaks. `query` replaces the question and the ID.
 *
 * Null when it would be longer than a message can be.
 */
export function rewrite(wire: Buffer, layout: Layout, query: Buffer | null, keep: Keep): Buffer | null {
  return new Rewriter(wire, layout).run(query, keep)
}

class Rewriter {
  readonly #wire: Buffer
  readonly #layout: Layout
  readonly #out: Buffer
  #at = HEADER
  /** Where labels of the old message are in the new one. */
  readonly #moved = new Map<number, number>()

  constructor(wire: Buffer, layout: Layout) {
    this.#wire = wire
    this.#layout = layout
    this.#out = scratch ??= Buffer.alloc(MAX_MESSAGE)
  }

  run(query: Buffer | null, keep: Keep): Buffer | null {
    this.#wire.copy(this.#out, 0, 0, HEADER)
    if (query === null) this.#question(this.#wire, this.#layout.questionEnd)
    else this.#foreignQuestion(query)
    const { questionEnd, answersEnd, authorityEnd, end } = this.#layout
    const fits =
      this.#section('answer', 6, questionEnd, answersEnd, keep) &&
      this.#section('authority', 8, answersEnd, authorityEnd, keep) &&
      this.#section('additional', 10, authorityEnd, end, keep)
    return fits ? Buffer.from(this.#out.subarray(0, this.#at)) : null
  }

  #question(wire: Buffer, end: number): void {
    wire.copy(this.#out, HEADER, HEADER, end)
    this.#at = end
    if (end === HEADER) return
    for (let at = HEADER; wire[at] !== 0; at += wire[at]! + 1) this.#moved.set(at, at)
  }

  #foreignQuestion(query: Buffer): void {
    const end = (query[4]! | query[5]!) === 0 ? HEADER : skipName(query, HEADER) + 4
    query.copy(this.#out, 0, 0, 2)
    query.copy(this.#out, 4, 4, 6)
    query.copy(this.#out, HEADER, HEADER, end)
    this.#at = end
  }

  #section(section: Section, countAt: number, start: number, end: number, keep: Keep): boolean {
    let count = 0
    for (let at = start; at < end;) {
      const past = pastName(this.#wire, at)
      const next = past + 10 + this.#wire.readUInt16BE(past + 8)
      if (keep(at, past, section)) {
        if (!this.#record(at, past, next)) return false
        count++
      }
      at = next
    }
    this.#out.writeUInt16BE(count, countAt)
    return true
  }

  #record(start: number, past: number, end: number): boolean {
    const type = this.#wire.readUInt16BE(past)
    if (!this.#name(start, true) || !this.#octets(past, past + 10)) return false
    const lengthAt = this.#at - 2
    if (!this.#rdata(type, past + 10, end)) return false
    this.#out.writeUInt16BE(this.#at - lengthAt - 2, lengthAt)
    return true
  }

  #rdata(type: number, start: number, end: number): boolean {
    const layout = type === TYPE.NAPTR ? ([this.#naptrName(start), 1, false] as const) : NAMES.get(type)
    if (layout === undefined || start === end) return this.#octets(start, end)
    const [before, count, compress] = layout
    if (!this.#octets(start, start + before)) return false
    let at = start + before
    for (let left = count; left > 0; left--) {
      if (!this.#name(at, compress)) return false
      at = pastName(this.#wire, at)
    }
    return this.#octets(at, end)
  }

  #naptrName(start: number): number {
    let at = start + 4
    for (let left = 3; left > 0; left--) at += this.#wire[at]! + 1
    return at - start
  }

  #name(start: number, compress: boolean): boolean {
    const wire = this.#wire
    for (let at = labelAt(wire, start); ; at = labelAt(wire, at + wire[at]! + 1)) {
      if (wire[at] === 0) return this.#octets(at, at + 1)
      const moved = this.#moved.get(at)
      if (compress && moved !== undefined) return this.#pointer(moved)
      if (compress && this.#at <= MAX_TARGET) this.#moved.set(at, this.#at)
      if (!this.#octets(at, at + wire[at]! + 1)) return false
    }
  }

  #pointer(target: number): boolean {
    if (this.#at + 2 > MAX_MESSAGE) return false
    this.#out.writeUInt16BE(0xc000 | target, this.#at)
    this.#at += 2
    return true
  }

  #octets(start: number, end: number): boolean {
    if (this.#at + end - start > MAX_MESSAGE) return false
    this.#wire.copy(this.#out, this.#at, start, end)
    this.#at += end - start
    return true
  }
}
