import { Strategy, type Candidate } from './strategy.js'

/** In the order given: the first takes everything, and takes it back as soon as it is up again. */
export class FailoverStrategy extends Strategy {
  readonly name = 'failover'

  order<C extends Candidate>(candidates: readonly C[]): Iterable<C> {
    return candidates
  }
}
