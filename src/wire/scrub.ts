import { TYPE } from './constants.js'
import { labelAt, NameKeys, sameName } from './name.js'
import { rewrite } from './rewrite.js'
import { pastName } from './skim.js'
import { HEADER, type Layout } from './walk.js'

const MAX_PASSES = 8
const MAX_DNAMES = 8

/**
 * A walked reply without the answer records that belong neither to the QNAME nor to its chain of CNAME and DNAME
 * (A08: whoever asked for one name must not be told about another). RRSIG records follow their owner.
 *
 * `wire` itself when nothing is dropped; null when what is left can't be written.
 */
export function scrub(wire: Buffer, layout: Layout): Buffer | null {
  if (layout.questionEnd === HEADER) return wire
  const chain = new Chain(wire, layout)
  for (let pass = 0; pass < MAX_PASSES && chain.extend(); pass++);
  if (chain.everyone) return wire
  return rewrite(wire, layout, null, (at, past, section) => section !== 'answer' || chain.has(at, past))
}

class Chain {
  /** Whether the last pass found nobody outside. */
  everyone = true
  readonly #wire: Buffer
  readonly #layout: Layout
  readonly #members = new Set<string>()
  /** Where the names of the chain are. */
  readonly #places: number[] = [HEADER]
  readonly #names: NameKeys

  constructor(wire: Buffer, layout: Layout) {
    this.#wire = wire
    this.#layout = layout
    this.#names = new NameKeys(wire)
    this.#members.add(this.#names.of(HEADER))
  }

  /** Goes through the answers once; whether that made the chain longer, so that another pass may find more. */
  extend(): boolean {
    const before = this.#members.size
    this.everyone = true
    for (let at = this.#layout.questionEnd; at < this.#layout.answersEnd;) {
      const past = pastName(this.#wire, at)
      if (!this.has(at, past)) this.everyone = false
      else if (this.#type(past) === TYPE.CNAME) this.#add(past + 10)
      at = past + 10 + this.#wire.readUInt16BE(past + 8)
    }
    return !this.everyone && this.#members.size > before
  }

  has(at: number, past: number): boolean {
    if (this.#members.has(this.#names.of(at))) return true
    const type = this.#type(past)
    const isDname = type === TYPE.DNAME || (type === TYPE.RRSIG && this.#type(past + 10) === TYPE.DNAME)
    return isDname && this.#isAbove(at)
  }

  /** Whether a name of the chain lies below the name at `at`, so that a DNAME there made the CNAME that leads on. */
  #isAbove(at: number): boolean {
    return this.#places.slice(0, MAX_DNAMES).some((place) => {
      for (
        let label = labelAt(this.#wire, place);
        this.#wire[label] !== 0;
        label = labelAt(this.#wire, label + this.#wire[label]! + 1)
      ) {
        if (sameName(this.#wire, label, this.#wire, at)) return true
      }
      return this.#wire[labelAt(this.#wire, at)] === 0
    })
  }

  #add(at: number): void {
    const key = this.#names.of(at)
    if (this.#members.has(key)) return
    this.#members.add(key)
    this.#places.push(at)
  }

  #type(at: number): number {
    return this.#wire.readUInt16BE(at)
  }
}
