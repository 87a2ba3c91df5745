import { systemClock, type Clock } from '../base/clock.js'
import { deploy, type Deployment } from '../config/index.js'
import { collectMetrics, type Metrics } from '../metrics/index.js'
import { announce, announceChange, announceRefusal } from './announce.js'
import { EXIT, type CommandContext, type SignalName } from './command.js'
import { Log } from './log.js'
import { ServeLog } from './serve-log.js'
import { NOTHING } from './passed-sockets.js'
import { planFor, type Plan, type ServeArguments } from './serve-plan.js'
import { ServicePages } from './service-pages.js'
import { watchFile } from './watch-file.js'

/** A running `headrace serve`: what it deployed, what it shows of it, and how it is told to load anew and to stop. */
export class Service {
  readonly #args: ServeArguments
  readonly #context: CommandContext
  readonly #log: Log
  readonly #clock: Clock
  readonly #deployment: Deployment
  readonly #metrics: Metrics
  readonly #pages: ServicePages
  readonly #serveLog: ServeLog
  readonly #listeners: (readonly [SignalName, () => void])[] = []
  /** The exit code, once everything is closed: the first signal drains, the second ends at once. */
  readonly stopped: Promise<number>
  #onStopped: (code: number) => void = () => undefined
  #unwatch: () => void = () => undefined
  #loading: Promise<unknown> = Promise.resolve()
  #stopping = false

  private constructor(args: ServeArguments, context: CommandContext, log: Log, deployment: Deployment) {
    this.stopped = new Promise((resolve) => (this.#onStopped = resolve))
    this.#args = args
    this.#context = context
    this.#log = log
    this.#clock = context.clock ?? systemClock
    this.#deployment = deployment
    this.#metrics = collectMetrics(deployment)
    const token = context.env['HEADRACE_TOKEN']
    this.#pages = new ServicePages({ source: this.#metrics, snapshot: () => this.#metrics.snapshot(), token })
    this.#serveLog = new ServeLog(deployment, log, this.#clock, args.has('verbose-health'))
  }

  /** @throws {DnsError} as a rejection: something can't be used or listened on; then nothing is open */
  static async open(args: ServeArguments, context: CommandContext, plan: Plan, log: Log): Promise<Service> {
    const clock = context.clock ?? systemClock
    const service = new Service(args, context, log, await deploy(plan, { clock }))
    try {
      await service.#applyPages(plan)
    } catch (error) {
      service.#deployment.destroy()
      await service.#end()
      throw error
    }
    service.#hearSignals()
    const { worker = null } = context
    // For all workers, so without the number of one.
    const announcer = worker === null ? log : new Log(context.stdout, clock, plan.service)
    if (worker?.announces !== false)
      announce(announcer, service.#deployment, plan, context.passed ?? NOTHING, service.#pages.urls)
    worker?.ready(() => service.#metrics.snapshot())
    context.notify?.('READY=1')
    const file = args.one('config')
    if (file !== null && worker === null) {
      const onTrouble = ({ message }: Error): void => log.write('warn', `${file} can't be watched: ${message}`)
      service.#unwatch = watchFile(file, clock, {
        onChange: () => void service.reload(`${file} has changed`),
        onTrouble,
      })
    }
    return service
  }

  /** Loads the document anew; when it can't be used, says why, and goes on as before. `why` is for the log. */
  reload(why: string): Promise<void> {
    const turn = this.#loading.then(() => this.#reload(why))
    this.#loading = turn
    return turn
  }

  #hearSignals(): void {
    const stop = (signal: string, number: number): void => {
      if (this.#stopping) {
        this.#deployment.destroy()
        void this.#end().then(() => this.#onStopped(128 + number))
      } else void this.#stop(signal).then(() => this.#onStopped(EXIT.OK))
    }
    this.#hear('SIGINT', () => stop('SIGINT', 2))
    this.#hear('SIGTERM', () => stop('SIGTERM', 15))
    this.#hear('SIGHUP', () => void this.reload('SIGHUP'))
  }

  #hear(signal: SignalName, listener: () => void): void {
    this.#listeners.push([signal, listener])
    this.#context.signals.on(signal, listener)
  }

  async #stop(signal: string): Promise<void> {
    this.#stopping = true
    this.#context.notify?.('STOPPING=1')
    const { outstanding } = this.#deployment.server.stats
    const queries =
      outstanding === 0 ? '' : `, answering ${outstanding} ${outstanding === 1 ? 'query' : 'queries'} under way`
    this.#log.write('info', 'stopping', { signal, outstanding }, `${signal}: stopping${queries}`)
    await this.#deployment.close()
    this.#serveLog.summarize()
    await this.#end()
  }

  /** Lets go of all that isn't the deployment. */
  async #end(): Promise<void> {
    for (const [signal, listener] of this.#listeners.splice(0)) this.#context.signals.removeListener(signal, listener)
    this.#unwatch()
    this.#serveLog.close()
    this.#metrics.close()
    await this.#pages.close()
  }

  /** Of workers, the process that started them shows them all. */
  async #applyPages({ service }: Plan): Promise<void> {
    if (!this.#context.worker) await this.#pages.apply(service)
  }

  async #reload(why: string): Promise<void> {
    if (this.#stopping) return
    this.#context.notify?.('RELOADING=1')
    try {
      const plan = await planFor(this.#args, this.#context)
      const event = await this.#deployment.apply(plan)
      // Whoever is new is listened to from now on, not from the next scrape on.
      this.#metrics.add(this.#deployment)
      this.#log.restyle(plan.service)
      this.#serveLog.refresh()
      announceChange(this.#log, why, plan, event)
      await this.#applyPages(plan)
    } catch (error) {
      announceRefusal(this.#log, why, error)
    }
    if (!this.#stopping) this.#context.notify?.('READY=1')
  }
}
