import type { Clock, Timer } from '../base/clock.js'
import type { MetricsSnapshot } from '../metrics/snapshot.js'
import { History } from './history.js'
import type { StatusReport } from './report.js'
import type { Opened, StatusActions } from './source.js'

/** How far back the series go, in ms. */
const SPAN = 300_000

/** Takes a snapshot every interval, and tells who watches. Its timer never holds the process. */
export class Sampler {
  readonly #source: Opened
  readonly #actions: StatusActions | null
  readonly #clock: Clock
  readonly #interval: number
  readonly #history: History
  readonly #watchers = new Set<() => void>()
  #timer: Timer | null = null
  #first: Promise<void> | null = null
  #problem: string | null = null
  #closed = false

  /** @param actions what is offered; null for none */
  constructor(source: Opened, actions: StatusActions | null, clock: Clock, interval: number) {
    this.#source = source
    this.#actions = actions
    this.#clock = clock
    this.#interval = interval
    this.#history = new History(Math.ceil(SPAN / interval))
    this.#first = this.#sample()
  }

  /** Everything as it is now. */
  async snapshot(): Promise<MetricsSnapshot> {
    return await this.#source.snapshot()
  }

  /** The latest sample, and the series after date `since`, in ms. */
  async report(since: number): Promise<StatusReport> {
    await this.#first
    const { incidents } = this.#source
    return this.#history.report(since, {
      at: this.#date,
      interval: this.#interval,
      actions: this.#actions !== null,
      problem: this.#problem,
      incidents: incidents === null ? null : incidents(),
    })
  }

  /** Calls `watcher` after each sample. @returns how to stop that */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => void this.#watchers.delete(watcher)
  }

  /** Samples now, so that what was just done is seen. */
  async refresh(): Promise<void> {
    if (this.#timer === null) return
    this.#clock.clearTimeout(this.#timer)
    await this.#sample()
  }

  close(): void {
    this.#closed = true
    if (this.#timer !== null) this.#clock.clearTimeout(this.#timer)
    this.#watchers.clear()
    this.#source.close()
  }

  get #date(): number {
    return (this.#clock.wall ?? this.#clock.now)()
  }

  async #sample(): Promise<void> {
    this.#timer = null
    try {
      this.#history.add(await this.#source.snapshot(), this.#date)
      this.#problem = null
    } catch (error) {
      this.#problem = error instanceof Error ? error.message : String(error)
    }
    if (this.#closed) return
    this.#timer = this.#clock.setTimeout(() => void this.#sample(), this.#interval)
    this.#timer.unref?.()
    for (const watcher of [...this.#watchers]) watcher()
  }
}
