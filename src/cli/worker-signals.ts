import { EventEmitter } from 'node:events'
import type { MetricsSnapshot } from '../metrics/index.js'
import type { SignalName, SignalSource } from './command.js'

/** What the primary process tells a worker. */
export type ToWorker =
  { readonly type: 'signal'; readonly signal: SignalName } | { readonly type: 'snapshot'; readonly id: number }

/** What a worker tells the primary process. */
export type FromWorker =
  { readonly type: 'ready' } | { readonly type: 'snapshot'; readonly id: number; readonly snapshot: MetricsSnapshot }

/** What a process needs of `node:process` to be a worker. */
export interface WorkerProcess {
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect' | SignalName, listener: () => void): unknown
  send?(message: FromWorker): unknown
}

/** A worker's side: signals come from the primary process alone, as a terminal's go to every process of the group. */
export class WorkerLink {
  readonly number: number
  /** Whether it says where is listened and who is asked, for all of them. */
  readonly announces: boolean
  readonly #process: WorkerProcess
  readonly #signals = new EventEmitter()
  #snapshot: (() => MetricsSnapshot) | null = null

  constructor(process: WorkerProcess, number: number, announces: boolean) {
    this.#process = process
    this.number = number
    this.announces = announces
    process.on('message', (message) => this.#onMessage(message as ToWorker))
    // Without a primary process nobody would ever stop it.
    process.on('disconnect', () => this.#signals.emit('SIGTERM'))
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
  }

  /** The link of this process, if it was started as a worker. */
  static of(process: WorkerProcess, env: NodeJS.ProcessEnv): WorkerLink | null {
    const number = Number(env['HEADRACE_WORKER'])
    if (process.send === undefined || !Number.isInteger(number) || number < 1) return null
    return new WorkerLink(process, number, env['HEADRACE_ANNOUNCES'] === '1')
  }

  get signals(): SignalSource {
    return this.#signals
  }

  /** It listens; `snapshot` is what it is asked for from now on. */
  ready(snapshot: () => MetricsSnapshot): void {
    this.#snapshot = snapshot
    this.#process.send?.({ type: 'ready' })
  }

  #onMessage(message: ToWorker): void {
    if (message.type === 'signal') this.#signals.emit(message.signal)
    else if (this.#snapshot !== null)
      this.#process.send?.({ type: 'snapshot', id: message.id, snapshot: this.#snapshot() })
  }
}
