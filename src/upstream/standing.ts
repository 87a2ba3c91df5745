import type { HealthEvent, HealthView } from '../events.js'
import type { HealthState } from '../health/state.js'
import type { HealthObserver, QueryOutcome } from '../health/subject.js'
import { Evidence } from './evidence.js'
import { Recovery } from './recovery.js'

/** Told that an upstream has come up, gone down or fallen under suspicion, and by what. */
export type StandingListener = (what: 'up' | 'down' | 'suspect', cause: HealthEvent['cause']) => void

/**
 * How one upstream stands: what checks found, what attempts of queries speak for or against it, and what the user
 * forces. It passes on to whoever checks it how queries end.
 */
export class Standing {
  readonly #evidence = new Evidence()
  readonly #recovery = new Recovery()
  readonly #watchers = new Set<() => void>()
  readonly #listener: StandingListener
  #observer: HealthObserver | null = null
  #checked: HealthState = 'unknown'
  #forced: HealthView['forced'] = null

  constructor(listener: StandingListener) {
    this.#listener = listener
  }

  /** Whether it counts as up: forced up, or not known to be down. */
  get isUp(): boolean {
    return this.#forced === null ? this.#checked !== 'down' : this.#forced === 'up'
  }

  /** What part of its share it is to get, above 0 to 1. */
  get share(): number {
    return this.#recovery.share
  }

  get view(): HealthView {
    return { state: this.#checked, suspected: this.#evidence.marked, forced: this.#forced }
  }

  /** Whether it should be asked last at clock time `now`, in ms. */
  suspected(now: number): boolean {
    return this.#forced === null && this.#evidence.suspected(now)
  }

  /** Takes what checks found. */
  setChecked(state: HealthState): void {
    const wasUp = this.isUp
    if (this.#checked === 'down') this.#recovery.begin()
    this.#checked = state
    if (!this.#moved(wasUp, 'check') && state === 'suspect') this.#listener('suspect', 'check')
  }

  /** Overrides everything else; null goes back to it. */
  force(state: HealthView['forced']): void {
    const wasUp = this.isUp
    this.#forced = state
    this.#moved(wasUp, 'forced')
  }

  /** Tells `observer` of queries from now on; null: nobody. */
  observe(observer: HealthObserver | null): void {
    this.#observer = observer
    this.#evidence.probed = observer !== null && observer.probesSuspects
    this.#changed()
  }

  /** Calls `listener` whenever it may have changed. @returns how to stop that */
  watch(listener: () => void): () => void {
    this.#watchers.add(listener)
    return () => void this.#watchers.delete(listener)
  }

  /** Forgets what attempts said against it: the network is another one. */
  forgive(): void {
    this.#evidence.clear()
    this.#changed()
  }

  /** An attempt of a query begins at clock time `now`, in ms. */
  begin(now: number): void {
    if (this.#evidence.begin(now)) this.#changed()
  }

  /** That attempt is on its way. */
  begun(): void {
    this.#observer?.onQuery()
  }

  /** An attempt brought a reply; a SERVFAIL is one, but not a `good` one. */
  reply(good: boolean): void {
    if (this.#evidence.reply(good)) this.#changed()
  }

  /** How the attempt of a query ended. */
  outcome(outcome: QueryOutcome): void {
    if (outcome === 'reply') this.#recovery.reply()
    this.#observer?.onOutcome(outcome)
  }

  /** An attempt of a query failed or is late. @returns whether this is what raised a suspicion */
  miss(now: number): boolean {
    if (!this.#evidence.miss(now)) return false
    this.#changed()
    this.#listener('suspect', 'evidence')
    this.#observer?.onSuspicion()
    return true
  }

  #moved(wasUp: boolean, cause: HealthEvent['cause']): boolean {
    const { isUp } = this
    this.#changed()
    if (wasUp !== isUp) this.#listener(isUp ? 'up' : 'down', cause)
    return wasUp !== isUp
  }

  #changed(): void {
    for (const listener of this.#watchers) listener()
  }
}
