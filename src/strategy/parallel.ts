import { option, readOptions } from '../base/options.js'
import { Strategy, type Candidate } from './strategy.js'

/** Options of a {@link ParallelStrategy}. */
export interface ParallelOptions {
  /** How many members are asked at once, from 1; those beyond it only when one fails. @default all */
  readonly width?: number
}

const OPTIONS = {
  width: option(
    Infinity,
    'a whole number of at least 1',
    (v) => v === Infinity || (Number.isInteger(v) && (v as number) >= 1),
  ),
}

/** Asks several members at once and takes the first good reply: the fastest there is, at several times the traffic. */
export class ParallelStrategy extends Strategy {
  readonly name = 'parallel'
  readonly #width: number

  /** @throws {InvalidOptionError} */
  constructor(options: ParallelOptions = {}) {
    super()
    this.#width = readOptions('ParallelStrategy', OPTIONS, options).width
  }

  order<C extends Candidate>(candidates: readonly C[]): Iterable<C> {
    return candidates
  }

  override width(candidates: number): number {
    return Math.min(this.#width, candidates)
  }
}
