import { Buffer } from 'node:buffer'
import { labelAt, skipName } from './name.js'
import { NAPTR_FIXED, shapeOf } from './shapes.js'
import { pastName } from './skim.js'
import { HEADER, type Layout } from './walk.js'

const MAX_MESSAGE = 65_535
const MAX_TARGET = 0x3fff
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
    const shape = shapeOf(type)
    if (shape === null) return this.#octets(start, end)
    let at = shape.before < 0 ? this.#pastStrings(start + NAPTR_FIXED, 3) : start + shape.before
    if (!this.#octets(start, at)) return false
    for (let left = shape.names; left > 0; left--) {
      if (!this.#name(at, shape.compress)) return false
      at = pastName(this.#wire, at)
    }
    return this.#octets(at, end)
  }

  #pastStrings(start: number, count: number): number {
    let at = start
    for (let left = count; left > 0; left--) at += this.#wire[at]! + 1
    return at
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
