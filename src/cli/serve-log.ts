import type { Clock, Timer } from '../base/clock.js'
import type { Deployment } from '../config/index.js'
import type { DnsError } from '../errors.js'
import type { HealthMonitor } from '../health/monitor.js'
import { Pool } from '../pool/pool.js'
import type { Server } from '../server/server.js'
import type { Upstream } from '../upstream/upstream.js'
import { rcodeName } from '../wire/constants.js'
import { changeText, probeText } from './health-text.js'
import type { Log, LogFields } from './log.js'
import { milliseconds } from './trace-text.js'

/** From one summary to the next, in ms. */
const SUMMARY = 300_000
/** Clients' queries that failed are reported at most so often, in ms. */
const FAILURES = 10_000

/** Writes down what happens in a deployment, whatever is applied to it. */
export class ServeLog {
  readonly #deployment: Deployment
  readonly #log: Log
  readonly #clock: Clock
  readonly #verboseHealth: boolean
  readonly #heard = new WeakSet<object>()
  #failed = 0
  #timer: Timer | null = null
  #failureTimer: Timer | null = null

  constructor(deployment: Deployment, log: Log, clock: Clock, verboseHealth: boolean) {
    this.#deployment = deployment
    this.#log = log
    this.#clock = clock
    this.#verboseHealth = verboseHealth
    deployment.server.on('failure', ({ error }) => this.#countFailure(error as DnsError))
    this.refresh()
    this.#arm()
  }

  /** Listens to whoever is new, and to replies if they are to be written by now. */
  refresh(): void {
    const { forwarder, server } = this.#deployment
    if (this.#log.has('debug') && this.#isNew(server)) this.#hearReplies(server)
    for (const upstream of forwarder.upstreams) if (this.#isNew(upstream)) this.#hear(upstream)
    if (!this.#verboseHealth) return
    for (const part of forwarder.parts)
      if (part instanceof Pool && part.monitor !== null && this.#isNew(part.monitor)) this.#hearChecks(part.monitor)
  }

  /** How each upstream has done since it came. */
  summarize(): void {
    for (const upstream of this.#deployment.forwarder.upstreams) {
      const { queries, replies, failures, srtt } = upstream.stats
      if (queries === 0) continue
      const time = Number.isNaN(srtt) ? '' : `, ${milliseconds(srtt)}`
      const text = `Upstream ${upstream.name}: ${queries} queries, ${replies} successes, ${failures} failures${time}`
      this.#log.write('info', 'upstream summary', countsOf(upstream), text)
    }
  }

  /** Writes nothing any more of its own accord. */
  close(): void {
    for (const timer of [this.#timer, this.#failureTimer]) if (timer !== null) this.#clock.clearTimeout(timer)
  }

  #isNew(object: object): boolean {
    const isNew = !this.#heard.has(object)
    this.#heard.add(object)
    return isNew
  }

  #hear(upstream: Upstream): void {
    const { name } = upstream
    const tell = (level: 'info' | 'warn', what: string, text: string): void =>
      this.#log.write(level, `upstream ${what}`, countsOf(upstream), `Upstream ${name} ${text}`)
    upstream.on('suspect', () => tell('warn', 'suspect', 'does not reply: it is asked last until it does'))
    upstream.on('down', () => tell('warn', 'down', 'is down'))
    upstream.on('up', () => tell('info', 'up', 'is up again'))
    upstream.on('failure', ({ error, elapsed }) => {
      const fields = { upstream: name, elapsed_ms: rounded(elapsed), code: error.code, ...countsOf(upstream) }
      this.#log.write('debug', 'attempt failed', fields, `Upstream ${name} failed: ${error.message}`)
    })
  }

  #hearChecks(monitor: HealthMonitor): void {
    monitor.on('probe', (event) => {
      const { upstream, result, failure, elapsed, state } = event
      this.#log.write('info', 'probe', { upstream, result, failure, elapsed_ms: rounded(elapsed), state }, probeText(event)) // prettier-ignore
    })
    monitor.on('change', (event) => {
      const { upstream, from, to, cause } = event
      this.#log.write('info', 'health changed', { upstream, from, to, cause }, changeText(event))
    })
  }

  #hearReplies(server: Server): void {
    server.on('reply', ({ client, query, reply, upstream, elapsed }) => {
      const { address, transport } = client
      const { question } = query
      const rcode = rcodeName(reply.rcode)
      const asked = question === null ? '?' : `${question.name} ${question.type}`
      const fields: LogFields = {
        client: address,
        transport,
        qname: question?.name ?? null,
        qtype: question?.type ?? null,
        rcode,
        upstream,
        elapsed_ms: rounded(elapsed),
      }
      const text = `${address} ${transport} ${asked} ${rcode} ${milliseconds(elapsed)} ${upstream ?? 'headrace'}`
      this.#log.write('debug', 'reply', fields, text)
    })
  }

  /** The first at once; then how many there have been since. */
  #countFailure({ code, message }: DnsError): void {
    this.#failed++
    if (this.#failureTimer !== null) return
    this.#tellFailures(code, message)
    this.#failureTimer = this.#clock.setTimeout(() => {
      this.#failureTimer = null
      if (this.#failed > 0) this.#tellFailures(code, message)
    }, FAILURES)
    this.#failureTimer.unref?.()
  }

  #tellFailures(code: string, message: string): void {
    const failures = this.#failed
    this.#failed = 0
    const text = `${failures} ${failures === 1 ? 'query' : 'queries'} could not be answered: ${message}`
    this.#log.write('warn', 'queries failed', { failures, code, error: message }, text)
  }

  #arm(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.summarize()
      this.#arm()
    }, SUMMARY)
    this.#timer.unref?.()
  }
}

function countsOf({ name, stats }: Upstream): LogFields {
  const { queries, replies, failures, srtt } = stats
  return {
    upstream: name,
    queries,
    successes: replies,
    failures,
    elapsed_ms: Number.isNaN(srtt) ? null : rounded(srtt),
  }
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10
}
