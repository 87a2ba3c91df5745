import { Emitter } from '../base/emitter.js'
import { reject } from '../base/options.js'
import { InvalidOptionError } from '../errors.js'
import { Check, type CheckHost, type CheckStats } from './check.js'
import type { HealthMonitorEvents } from './events.js'
import type { Health } from './state.js'
import { PRESETS, readHealthOptions, type HealthOptions, type HealthSettings } from './options.js'
import type { HealthGroup, HealthSubject } from './subject.js'

/**
 * Checks the members of a pool, or one upstream. It begins with the first query or {@link start}; its timers never
 * hold the process. A member has one monitor.
 */
export class HealthMonitor extends Emitter<HealthMonitorEvents> {
  /** Named sets of options: `default`, `ferrous` and `dnsdist`. */
  static readonly presets = PRESETS
  static readonly #monitors = new WeakMap<HealthSubject, HealthMonitor>()
  /** What was found of members that are on their way from one monitor to another. */
  static readonly #left = new WeakMap<HealthSubject, Health>()

  readonly #target: HealthGroup | HealthSubject
  readonly #options: HealthOptions
  readonly #settings: HealthSettings
  readonly #standIn: boolean
  readonly #checks = new Map<HealthSubject, Check>()
  readonly #host: CheckHost = {
    onQuery: () => this.start(),
    onProbe: (describe) => this.notify('probe', describe),
    onChange: (describe) => this.notify('change', describe),
  }
  #unwatch: (() => void) | null = null
  #running = false

  /**
   * @param target members of it that can't be checked, such as a pool within a pool, are left alone
   * @param standIn whether it gives way to any other, and leaves alone who has one or has no address: for a pool whose owner
   *   asked for none
   * @throws {InvalidOptionError} `target` has no members and can't be checked itself; an option is unknown or wrong; a
   *   member has another monitor
   */
  constructor(target: HealthGroup | HealthSubject, options: HealthOptions = {}, standIn = false) {
    super()
    if (!isTarget(target)) reject('HealthMonitor', 'target', target, 'a Pool or an Upstream')
    this.#settings = readHealthOptions('HealthMonitor', options)
    this.#target = target
    this.#options = options
    this.#standIn = standIn
    this.#attach()
  }

  /** Whether it has begun. */
  get running(): boolean {
    return this.#running
  }

  /** What was counted since each member came, as it is now. */
  get stats(): readonly CheckStats[] {
    return [...this.#checks.values()].map((check) => check.stats)
  }

  /**
   * Begins now, with a probe of each member; does nothing if it has begun.
   *
   * @throws {InvalidOptionError} it was stopped, and a member has another monitor by now
   */
  start(): void {
    if (this.#running) return
    this.#attach()
    this.#running = true
    for (const check of [...this.#checks.values()]) check.start()
  }

  /** Ends: no probe goes out any more, and members are as if they had never been checked. */
  stop(): void {
    this.#running = false
    this.#unwatch?.()
    this.#unwatch = null
    for (const subject of [...this.#checks.keys()]) this.#release(subject)
  }

  /**
   * Lets go of its members with what was found of them, which the monitor knows that takes one next. {@link start} takes them
   * back.
   *
   * @returns what is to be called once others have taken them: who was left over is as if it had never been checked
   * @internal
   */
  handOver(): () => void {
    this.#running = false
    this.#unwatch?.()
    this.#unwatch = null
    const subjects = [...this.#checks.keys()]
    for (const subject of subjects) {
      HealthMonitor.#left.set(subject, this.#checks.get(subject)!.leave())
      this.#forget(subject)
    }
    return () => {
      for (const subject of subjects) if (HealthMonitor.#left.delete(subject)) subject.setChecked('unknown')
    }
  }

  /** The network is another one: what was found is forgotten, and each member probed at once. `reason`: for events. */
  networkChanged(reason: string): void {
    for (const check of [...this.#checks.values()]) check.networkChanged(reason)
  }

  /** A query passed members by, as they are down or under suspicion: they are probed at least every 3 s then, unless `recoveryInterval` is 0. */
  passedBy(): void {
    for (const check of this.#checks.values()) check.passedBy()
  }

  /** Takes the members in its care; all of them, or it throws. */
  #attach(): void {
    if (this.#unwatch !== null) return
    const subjects = this.#subjects
    for (const subject of subjects) {
      this.#refuseSecond(subject)
      this.#settingsFor(subject)
    }
    for (const subject of subjects) this.#take(subject)
    this.#unwatch = 'members' in this.#target ? this.#target.watchMembers(this.#sync) : () => undefined
  }

  get #subjects(): readonly HealthSubject[] {
    const members: readonly object[] = 'members' in this.#target ? this.#target.members : [this.#target]
    return members.filter(isSubject).filter(({ healthOptions, probedByDefault }) => {
      return healthOptions !== false && (probedByDefault || healthOptions !== null || !this.#standIn)
    })
  }

  /** Members came or went. One that has another monitor is left to that. */
  readonly #sync = (): void => {
    const subjects = new Set(this.#subjects)
    for (const subject of [...this.#checks.keys()]) if (!subjects.has(subject)) this.#release(subject)
    for (const subject of subjects) this.#take(subject)
  }

  #take(subject: HealthSubject): void {
    const other = HealthMonitor.#monitors.get(subject)
    if (other !== undefined && (this.#standIn || !other.#standIn)) return
    const settings = this.#settingsFor(subject)
    if (settings.mode === 'off') return
    if (other !== undefined) other.#release(subject)
    const check = new Check(subject, settings, this.#host, HealthMonitor.#left.get(subject))
    HealthMonitor.#left.delete(subject)
    HealthMonitor.#monitors.set(subject, this)
    this.#checks.set(subject, check)
    subject.observe(check)
    if (this.#running) check.start()
  }

  #release(subject: HealthSubject): void {
    const check = this.#checks.get(subject)!
    this.#forget(subject)
    check.stop()
  }

  #forget(subject: HealthSubject): void {
    this.#checks.delete(subject)
    HealthMonitor.#monitors.delete(subject)
    subject.observe(null)
  }

  #settingsFor({ healthOptions }: HealthSubject): HealthSettings {
    return healthOptions ? readHealthOptions('HealthMonitor', this.#options, healthOptions) : this.#settings
  }

  #refuseSecond(subject: HealthSubject): void {
    const other = HealthMonitor.#monitors.get(subject)
    if (other === undefined || other.#standIn || this.#standIn) return
    throw new InvalidOptionError('HealthMonitor', 'target', `"${subject.name}" has a monitor already; one is allowed`)
  }
}

/** What users of plain JavaScript may give instead: an address, or a Forwarder, whose pools have monitors. */
function isTarget(target: unknown): boolean {
  return typeof target === 'object' && target !== null && ('watchMembers' in target || isSubject(target))
}

function isSubject(member: object): member is HealthSubject {
  return 'setChecked' in member
}
