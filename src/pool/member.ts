import type { Exchanger } from '../exchanger.js'
import type { Asked } from '../query/sink.js'
import type { Candidate } from '../strategy/strategy.js'

/** What a pool asks: an upstream or another pool, as the scheduler sees it. */
export interface Member extends Candidate, Exchanger, Asked {
  /** False while checks or the user say that it is down. */
  readonly isUp: boolean
  /** Whether evidence says that it should be asked last just now. */
  readonly suspected: boolean
  /** Whether its hard limit leaves room for one more query. */
  readonly hasRoom: boolean
  /** What part of its share of the queries it is to get, above 0 to 1: less for a while after it was down. */
  readonly share: number
  /** Calls `listener` when {@link isUp} or {@link suspected} may have changed. @returns how to stop that */
  watch(listener: () => void): () => void
  close(): Promise<void>
  destroy(): void
}
