import cluster, { type Worker } from 'node:cluster'
import { availableParallelism } from 'node:os'
import { systemClock, type Clock } from '../base/clock.js'
import { mergeSnapshots, type MetricsSnapshot } from '../metrics/index.js'
import { announceRefusal, announceWorkers } from './announce.js'
import { EXIT, type CommandContext, type SignalName } from './command.js'
import type { Log } from './log.js'
import { planFor, type Plan, type ServeArguments } from './serve-plan.js'
import { ServicePages } from './service-pages.js'
import { watchFile } from './watch-file.js'
import type { FromWorker, ToWorker } from './worker-signals.js'

/** The first wait before a worker that has ended is started again, in ms; doubled each time, up to {@link LONGEST_WAIT}. */
const FIRST_WAIT = 500
const LONGEST_WAIT = 30_000
/** A worker that ran so long, in ms, has ended for a reason of its own: the waits begin anew. */
const STEADY = 60_000
/** How long a worker may take to say how it is, in ms. */
const PATIENCE = 1000

/** A worker's place: processes in it come and go. */
interface Place {
  readonly number: number
  worker: Worker
  started: number
  wait: number
  ready: boolean
  /** What it was told while it didn't listen yet, last. */
  missed: SignalName | null
}

/** How many processes `--workers` means. */
export function workersOf({ service }: Plan): number {
  return service.workers === 0 ? availableParallelism() : service.workers
}

/** The primary process: starts workers, which share the listeners, and starts again who ends. It answers no query itself. */
export class Workers {
  readonly #args: ServeArguments
  readonly #context: CommandContext
  readonly #log: Log
  readonly #clock: Clock
  readonly #places: Place[] = []
  readonly #pages: ServicePages
  readonly #asked = new Map<number, { readonly snapshots: MetricsSnapshot[]; left: number; done: () => void }>()
  readonly #listeners: (readonly [SignalName, () => void])[] = []
  readonly stopped: Promise<number>
  #onStopped: (code: number) => void = () => undefined
  #unwatch: () => void = () => undefined
  #plan: Plan
  #questions = 0
  #isUp = false
  #stopping = false
  #code: number = EXIT.OK

  constructor(args: ServeArguments, context: CommandContext, plan: Plan, log: Log) {
    this.#args = args
    this.#context = context
    this.#plan = plan
    this.#log = log
    this.#clock = context.clock ?? systemClock
    this.stopped = new Promise((resolve) => (this.#onStopped = resolve))
    const snapshot = (): Promise<MetricsSnapshot> => this.#snapshot()
    this.#pages = new ServicePages({ source: snapshot, snapshot, token: context.env['HEADRACE_TOKEN'] })
    this.#hear('SIGINT', () => this.#stop('SIGINT', 2))
    this.#hear('SIGTERM', () => this.#stop('SIGTERM', 15))
    this.#hear('SIGHUP', () => void this.#reload('SIGHUP'))
    this.#add()
  }

  #add(): void {
    const number = this.#places.length + 1
    const place = {
      number,
      worker: this.#fork(number),
      started: this.#clock.now(),
      wait: FIRST_WAIT,
      ready: false,
      missed: null,
    }
    this.#places.push(place)
    this.#watch(place)
  }

  #fork(number: number): Worker {
    const announces = number === 1 && !this.#isUp ? '1' : '0'
    return cluster.fork({ HEADRACE_WORKER: String(number), HEADRACE_ANNOUNCES: announces })
  }

  #watch(place: Place): void {
    place.worker.on('message', (message: FromWorker) => {
      if (message.type === 'ready') void this.#onReady(place)
      else this.#onSnapshot(message.id, message.snapshot)
    })
    place.worker.once('exit', (code, signal) => this.#onExit(place, code, signal))
  }

  async #onReady(place: Place): Promise<void> {
    place.ready = true
    if (place.missed !== null) place.worker.send({ type: 'signal', signal: place.missed } satisfies ToWorker)
    place.missed = null
    const wanted = workersOf(this.#plan)
    if (this.#isUp || this.#stopping || !this.#places.every(({ ready }) => ready)) return
    // What one can't do, the others can't either: it is said once.
    while (this.#places.length < wanted) this.#add()
    if (!this.#places.every(({ ready }) => ready)) return
    this.#isUp = true
    try {
      await this.#pages.apply(this.#plan.service)
    } catch (error) {
      this.#context.stderr.write(`headrace: ${(error as Error).message}\n`)
      return this.#fail(EXIT.FAILED)
    }
    for (const [name, url] of this.#pages.urls) this.#log.write('info', name, { url }, `${name}: ${url}`)
    this.#log.write('info', 'workers', { workers: this.#places.length }, `${this.#places.length} workers`)
    this.#context.notify?.('READY=1')
    const file = this.#args.one('config')
    if (file === null) return
    const onTrouble = ({ message }: Error): void => this.#log.write('warn', `${file} can't be watched: ${message}`)
    this.#unwatch = watchFile(file, this.#clock, {
      onChange: () => void this.#reload(`${file} has changed`),
      onTrouble,
    })
  }

  #onExit(place: Place, code: number | null, signal: string | null): void {
    place.ready = false
    if (this.#stopping) {
      if (this.#places.every(({ worker }) => worker.isDead())) void this.#end()
      return
    }
    // It has said why: the others will find the same.
    if (!this.#isUp) return this.#fail(code === null || code === 0 ? EXIT.FAILED : code)
    const now = this.#clock.now()
    if (now - place.started > STEADY) place.wait = FIRST_WAIT
    const { number, wait } = place
    const how = signal ?? `code ${code}`
    const text = `Worker ${number} ended by ${how}: it is started again in ${wait} ms`
    this.#log.write('error', 'worker ended', { worker: number, how, wait_ms: wait }, text)
    this.#clock.setTimeout(() => this.#restart(place), wait)
    place.wait = Math.min(LONGEST_WAIT, 2 * wait)
  }

  #restart(place: Place): void {
    if (this.#stopping) return
    place.worker = this.#fork(place.number)
    place.started = this.#clock.now()
    this.#watch(place)
  }

  async #reload(why: string): Promise<void> {
    if (this.#stopping) return
    try {
      const plan = await planFor(this.#args, this.#context)
      this.#log.restyle(plan.service)
      announceWorkers(this.#log, workersOf(plan), this.#places.length)
      this.#plan = plan
      this.#signalAll('SIGHUP')
      await this.#pages.apply(plan.service)
    } catch (error) {
      announceRefusal(this.#log, why, error)
    }
  }

  #stop(signal: string, number: number): void {
    if (this.#stopping) {
      this.#code = 128 + number
      for (const { worker } of this.#places) worker.process.kill('SIGKILL')
      return
    }
    this.#log.write('info', 'stopping', { signal }, `${signal}: stopping`)
    this.#context.notify?.('STOPPING=1')
    this.#begin(EXIT.OK)
  }

  #fail(code: number): void {
    if (!this.#stopping) this.#begin(code)
  }

  /** Stops everybody. */
  #begin(code: number): void {
    this.#stopping = true
    this.#code = code
    this.#signalAll('SIGTERM')
    if (this.#places.every(({ worker }) => worker.isDead())) void this.#end()
  }

  async #end(): Promise<void> {
    this.#unwatch()
    for (const [signal, listener] of this.#listeners.splice(0)) this.#context.signals.removeListener(signal, listener)
    await this.#pages.close()
    this.#onStopped(this.#code)
  }

  #hear(signal: SignalName, listener: () => void): void {
    this.#listeners.push([signal, listener])
    this.#context.signals.on(signal, listener)
  }

  #signalAll(signal: SignalName): void {
    for (const place of this.#places) {
      if (!place.ready) place.missed = signal
      else if (place.worker.isConnected()) place.worker.send({ type: 'signal', signal } satisfies ToWorker)
    }
  }

  /** Of all workers that answer in time, added up. */
  async #snapshot(): Promise<MetricsSnapshot> {
    const id = ++this.#questions
    const ready = this.#places.filter(({ ready: isReady, worker }) => isReady && worker.isConnected())
    const snapshots: MetricsSnapshot[] = []
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimeout(resolve, PATIENCE)
      const done = (): void => {
        this.#clock.clearTimeout(timer)
        resolve()
      }
      this.#asked.set(id, { snapshots, left: ready.length, done })
      for (const { worker } of ready) worker.send({ type: 'snapshot', id } satisfies ToWorker)
      if (ready.length === 0) done()
    })
    this.#asked.delete(id)
    return mergeSnapshots(snapshots)
  }

  #onSnapshot(id: number, snapshot: MetricsSnapshot): void {
    const question = this.#asked.get(id)
    if (question === undefined) return
    question.snapshots.push(snapshot)
    if (--question.left === 0) question.done()
  }
}
