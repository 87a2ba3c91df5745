import { MAX_TIMER, type Timer } from '../base/clock.js'
import { LoopLag } from '../network/loop-lag.js'
import type { ChangeEvent, ChangeReason, ProbeEvent } from './events.js'
import type { HealthSettings } from './options.js'
import { Probe, type ProbeOutcome, type ProbeOwner } from './probe.js'
import { ProbeCounts, type ProbeStats } from './probe-counts.js'
import { nextHealth, probeWait, UNCHECKED, type Health, type HealthSignal, type HealthState } from './state.js'
import type { HealthObserver, HealthSubject, QueryOutcome } from './subject.js'
import { SampleWindow } from './window.js'

/** How far the waits between active probes stray, so that members aren't probed in step. */
const JITTER = 0.1
/** The least time between the starts of two probes that traffic asked for, in ms. */
const SPACING = 1000
/** The least time between the starts of two probes of a member that queries pass by, in ms: it is back within seconds. */
const PASSED_BY_SPACING = 3000
/** How long after a change of network a bad probe counts for nothing, in ms. */
const AMNESTY = 3000

/** What the checks of one member have counted. */
export interface CheckStats extends ProbeStats {
  readonly upstream: string
  readonly state: HealthState
  /** When the next probe is due, in ms from now; 0 while one is out, Infinity when none is. */
  readonly nextProbe: number
}

/** What a check tells its monitor. */
export interface CheckHost {
  /** A query was asked: whoever waits for the first one may begin. */
  onQuery(): void
  /** `describe` makes the event, should anybody want it. */
  onProbe(describe: () => ProbeEvent): void
  onChange(describe: () => ChangeEvent): void
}

/** The checks of one member: when it is probed, and what comes of it. */
export class Check implements HealthObserver, ProbeOwner {
  readonly subject: HealthSubject
  readonly #settings: HealthSettings
  readonly #host: CheckHost
  readonly #lag: LoopLag
  /** Null in active mode. */
  readonly #window: SampleWindow | null
  readonly #countsServfail: boolean
  #health: Health
  #running = false
  #probe: Probe | null = null
  #timer: Timer | null = null
  #due = Infinity
  #lastStart = -Infinity
  #amnestyUntil = -Infinity
  readonly #counts = new ProbeCounts()

  /** @param health what is known already */
  constructor(subject: HealthSubject, settings: HealthSettings, host: CheckHost, health: Health = UNCHECKED) {
    this.subject = subject
    this.#health = health
    this.#settings = settings
    this.#host = host
    this.#lag = LoopLag.of(settings.clock)
    this.#window = settings.mode === 'lazy' ? new SampleWindow(settings.lazy) : null
    this.#countsServfail = settings.lazy.mode === 'timeout-or-servfail'
  }

  get stats(): CheckStats {
    return {
      upstream: this.subject.name,
      state: this.#health.state,
      ...this.#counts.snapshot(),
      nextProbe: this.#untilNext,
    }
  }

  get probesSuspects(): boolean {
    return this.#window === null
  }

  /** Begins, with a probe at once. */
  start(): void {
    if (this.#running) return
    this.#running = true
    this.#send()
  }

  /** Ends, and forgets what was found. */
  stop(): void {
    if (!this.#running) return
    this.#running = false
    this.#recall()
    this.#window?.clear()
    this.#health = UNCHECKED
    this.subject.setChecked('unknown')
  }

  /** Ends, and says what was found. */
  leave(): Health {
    this.#running = false
    this.#recall()
    return this.#health
  }

  /** The network is another one: forgets what was found, and probes at once. */
  networkChanged(reason: string): void {
    if (!this.#running) return
    this.#recall()
    this.#window?.clear()
    this.#amnestyUntil = this.#settings.clock.now() + AMNESTY
    const from = this.#advance('epoch')
    this.#sendIn(0)
    this.#report(from, { cause: 'network', evidence: { reason } })
  }

  onQuery(): void {
    if (!this.#running) this.#host.onQuery()
  }

  onOutcome(outcome: QueryOutcome): void {
    const { state } = this.#health
    if (this.#window !== null) {
      if (state === 'up') this.#sample(this.#window, outcome)
    } else if (state === 'down' && outcome === 'reply') {
      // It was asked because nobody is up, or by whoever holds it alone: a sign that it is back.
      this.#sendSoon()
    }
  }

  onSuspicion(): void {
    if (this.#window === null && this.#running) this.#sendSoon()
  }

  /** A query passed somebody by. Where that is this member, the schedule alone may by now have come to long waits. */
  passedBy(): void {
    const { mode, recoveryInterval } = this.#settings
    if (!this.#running || mode !== 'active' || recoveryInterval === 0) return
    if (this.#health.state === 'down' || this.subject.health.suspected) this.#sendSoon(PASSED_BY_SPACING)
  }

  onProbed(probe: Probe, outcome: ProbeOutcome): void {
    this.#probe = null
    const now = this.#settings.clock.now()
    const excuse = this.#excuse(probe, outcome, this.#lag.end(probe.lagAtStart))
    const result = excuse === null ? outcome.result : 'void'
    this.#counts.add(result, outcome.failure)
    const from = this.#health.state
    if (excuse === 'stall') this.#sendIn(0)
    else {
      this.#advance(result)
      if (this.#health.state === 'up' && from !== 'up') this.#window?.clear()
      // Waits are from start to start; that of a lazy check whose member went down begins when it did, as dnsdist's.
      const since = this.#window !== null && from !== this.#health.state ? now : probe.started
      this.#sendIn(since + this.#wait() - now)
    }
    const { good, bad } = this.#health
    this.#report(from, { cause: 'probe', evidence: { good, bad, failure: outcome.failure } })
    this.#host.onProbe(() => ({
      upstream: this.subject.name,
      ...outcome,
      result,
      excuse,
      elapsed: now - probe.started,
      state: this.#health.state,
      nextProbe: this.#untilNext,
    }))
  }

  get #untilNext(): number {
    if (this.#probe !== null) return 0
    return this.#timer === null ? Infinity : Math.max(0, this.#due - this.#settings.clock.now())
  }

  #sample(window: SampleWindow, outcome: QueryOutcome): void {
    if (!window.add(outcome === 'failure' || (outcome === 'servfail' && this.#countsServfail))) return
    const { samples, failed } = window
    window.clear()
    const from = this.#advance('tripped')
    this.#sendSoon()
    this.#report(from, { cause: 'queries', evidence: { samples, failed } })
  }

  #excuse(probe: Probe, { result }: ProbeOutcome, lag: number): ProbeEvent['excuse'] {
    if (result === 'good') return null
    if (lag > probe.timeout / 2) return 'stall'
    if (result === 'void') return 'our side'
    return probe.started < this.#amnestyUntil ? 'new network' : null
  }

  /** @returns the state before */
  #advance(signal: HealthSignal): HealthState {
    const { state } = this.#health
    this.#health = nextHealth(this.#health, signal, this.#settings)
    return state
  }

  #report(from: HealthState, reason: ChangeReason): void {
    const to = this.#health.state
    if (to === from) return
    this.subject.setChecked(to)
    this.#host.onChange(() => ({
      upstream: this.subject.name,
      from,
      to,
      nextProbe: this.#untilNext,
      ...reason,
    }))
  }

  #wait(): number {
    const { mode, random } = this.#settings
    const wait = probeWait(this.#health, this.subject.health.suspected, this.#settings)
    return mode === 'lazy' ? wait : wait * (1 - JITTER + 2 * JITTER * random())
  }

  /** Probes at once, unless one has only just begun. */
  #sendSoon(spacing: number = SPACING): void {
    const { clock, interval } = this.#settings
    const now = clock.now()
    const due = Math.max(now, this.#lastStart + Math.min(interval, spacing))
    if (this.#probe === null && due < this.#due) this.#sendIn(due - now)
  }

  /** Sets the timer for the next probe, in the place of any other; Infinity sets none. */
  #sendIn(wait: number): void {
    const { clock } = this.#settings
    this.#clear()
    if (wait === Infinity) return
    this.#due = clock.now() + wait
    this.#timer = clock.setTimeout(this.#send, Math.min(MAX_TIMER, Math.max(0, wait)))
    this.#timer.unref?.()
  }

  readonly #send = (): void => {
    this.#clear()
    this.#probe = new Probe(this.subject, this.#settings, this, this.#lag.begin())
    this.#lastStart = this.#probe.started
    this.#probe.begin()
  }

  #clear(): void {
    if (this.#timer !== null) this.#settings.clock.clearTimeout(this.#timer)
    this.#timer = null
    this.#due = Infinity
  }

  /** Takes back the probe that is out, and the timer. */
  #recall(): void {
    const probe = this.#probe
    this.#probe = null
    this.#clear()
    if (probe === null) return
    this.#lag.end(probe.lagAtStart)
    probe.cancel()
  }
}
