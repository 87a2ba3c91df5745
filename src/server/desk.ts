import { isLoopback } from '../address/ip.js'
import type { Clock } from '../base/clock.js'
import { Deadlines } from '../base/deadlines.js'
import { DnsError } from '../errors.js'
import type { ClientInfo, Reply } from '../exchanger.js'
import { answerAny } from '../policy/any.js'
import { ClientLimits } from '../policy/client-limits.js'
import { specialUse, type SpecialUseHints } from '../policy/special-use.js'
import { askAny } from '../query/foreign.js'
import { acceptQuery, type Accepted, type Dropped, type Refused } from '../wire/accept.js'
import { RCODE } from '../wire/constants.js'
import type { ExtendedError } from '../wire/edns.js'
import { Message } from '../wire/message.js'
import { Answer, type AnswerOwner, type Client, type ReturnPath } from './answer.js'
import { Duplicates } from './duplicates.js'
import type { DeniedEvent, Reporter } from './events.js'
import { explainAll, NO_REPLY } from './explain.js'
import { LoopProbe } from './loop-probe.js'
import { listenPorts, type ReadServerOptions } from './options.js'
import { ReplyWriter } from './reply-writer.js'
import { LoopGuard, type Root } from './root.js'
import type { Counters } from './stats.js'
import { Waiting } from './waiting.js'

/** How long a query may take when its root doesn't say, in ms. */
const DEFAULT_TIMEOUT = 5000
/** So many queries without one reply may be going round in circles, each lap a query more. */
const SUSPICIOUS = 512
/** The root's own word that it took too long says more than ours: it gets this long to say it, in ms. */
const GRACE = 20

/** Takes clients' packets, from whichever listener, and sees to it that each query is answered once. */
export class Desk implements AnswerOwner {
  /** The longest that a query takes, in ms. */
  readonly timeout: number
  readonly #root: Root
  readonly #options: ReadServerOptions
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #counters: Counters
  readonly #reporter: Reporter
  readonly #limits: ClientLimits
  readonly #duplicates = new Duplicates()
  readonly #loops: LoopGuard
  readonly #probe: LoopProbe
  readonly #hints: SpecialUseHints
  readonly #writer: ReplyWriter
  readonly #waiting: Waiting
  /** Where UDP clients from elsewhere wait when they wait less; else null. */
  readonly #impatient: Waiting | null
  /** Queries taken since the root last replied. */
  #unanswered = 0
  /** Queries of its own: the server may have taken others since, by other rules. */
  #underWay = 0
  #draining = false
  #drained: Promise<void> | null = null
  #onIdle: (() => void) | null = null

  constructor(root: Root, options: ReadServerOptions, counters: Counters, reporter: Reporter) {
    this.#root = root
    this.#options = options
    this.#clock = options.clock
    this.#counters = counters
    this.#reporter = reporter
    this.timeout = Number.isFinite(root.timeout) && root.timeout! > 0 ? root.timeout! : DEFAULT_TIMEOUT
    this.#limits = new ClientLimits(options.maxPerClient)
    this.#loops = new LoopGuard(root, listenPorts(options), this.#clock)
    this.#probe = new LoopProbe(root)
    this.#hints = specialUseHints(root, options)
    this.#writer = new ReplyWriter(options.maxUdpSize, options.idleTimeout)
    const deadlines = (this.#deadlines = Deadlines.of(this.#clock))
    this.#waiting = new Waiting(deadlines, this.timeout + GRACE, (answer) => this.#expired(answer))
    const delay = options.maxReplyDelay
    this.#impatient = delay < this.timeout ? new Waiting(deadlines, delay, (answer) => this.#expired(answer)) : null
  }

  /** Takes a packet of a client that may ask. Returns whether it was a DNS query, good or bad. */
  take(wire: Buffer, client: Client, path: ReturnPath): boolean {
    if (this.#draining) return false
    const verdict = acceptQuery(wire, path.stream)
    if (verdict.kind !== 'query') return this.#refuse(verdict, client, path)
    if (!path.stream && this.#duplicates.has(verdict.message, client)) return this.#ignoreDuplicate()
    if (this.#counters.outstanding >= this.#options.maxConcurrent)
      return this.#turnAway(verdict, client, path, 'overload')
    if (this.#isLoop(verdict, client)) return this.#turnAway(verdict, client, path, 'loop')
    const { message } = verdict
    const local = this.#answerHere(message)
    if (local !== null) {
      this.#counters.of(client.transport).queries++
      this.#tellQuery(client, message)
      this.#send(new Answer(this, verdict, client, path, this.#clock.now()), { message: local, upstream: null, age: 0 })
      return true
    }
    if (!this.#limits.take(client.address)) return this.#turnAway(verdict, client, path, 'client-limit')
    this.#start(verdict, client, path)
    return true
  }

  replied(answer: Answer, reply: Reply): void {
    if (answer.over) return
    this.#end(answer)
    this.#unanswered = 0
    this.#send(answer, reply)
    answer.path.leave()
  }

  failed(answer: Answer, error: unknown): void {
    if (answer.over) return
    this.#end(answer)
    this.#fail(answer, () => error, explainAll(error))
    answer.path.leave()
  }

  /** Counts and reports a client that was turned away. */
  deny(client: ClientInfo, why: DeniedEvent['why']): void {
    this.#counters.of(client.transport).denied[why]++
    if (this.#reporter.hears('denied')) this.#reporter.report('denied', () => ({ client, why }))
  }

  /** Counts and reports what is no query that we take; `rcode` is what the client was told, or null. */
  malformed(client: ClientInfo, why: string, rcode: number | null): void {
    this.#counters.of(client.transport).malformed++
    if (this.#reporter.hears('malformed')) this.#reporter.report('malformed', () => ({ client, why, rcode }))
  }

  /** Takes nothing more; resolves when every query that it took is answered. */
  drain(): Promise<void> {
    this.#draining = true
    return (this.#drained ??= new Promise((resolve) => {
      if (this.#underWay === 0) resolve()
      else this.#onIdle = resolve
    }))
  }

  /** Gives up every query, unanswered. */
  destroy(): void {
    this.#draining = true
    for (const line of this.#lines()) {
      line.each((answer) => {
        this.#end(answer)
        answer.path.leave()
      })
      line.rest()
    }
  }

  /** Its reply is on the way already. */
  #ignoreDuplicate(): true {
    this.#counters.duplicates++
    return true
  }

  #start(query: Accepted, client: Client, path: ReturnPath): void {
    const now = this.#clock.now()
    const answer = new Answer(this, query, client, path, now)
    this.#counters.of(client.transport).queries++
    this.#counters.outstanding++
    this.#underWay++
    path.enter()
    if (!path.stream) this.#duplicates.add(answer)
    this.#lineFor(client).add(answer)
    this.#tellQuery(client, query.message)
    if (++this.#unanswered >= SUSPICIOUS && this.#counters.outstanding >= SUSPICIOUS) this.#probe.send(now)
    askAny(this.#root, query, answer, answer, this.#deadlines)
  }

  #isLoop({ message }: Accepted, client: Client): boolean {
    if (this.#loops.isOwn(client)) return true
    return this.#probe.active && this.#probe.isLoop(message, client, this.#clock.now())
  }

  #lineFor(client: Client): Waiting {
    if (this.#impatient === null || client.transport !== 'udp' || isLoopback(client.address)) return this.#waiting
    return this.#impatient
  }

  #lines(): readonly Waiting[] {
    return this.#impatient === null ? [this.#waiting] : [this.#waiting, this.#impatient]
  }

  #end(answer: Answer): void {
    answer.over = true
    this.#duplicates.remove(answer)
    answer.line?.remove(answer)
    this.#limits.release(answer.client.address)
    this.#counters.outstanding--
    if (--this.#underWay === 0) this.#onIdle?.()
  }

  #expired(answer: Answer): void {
    const isSpared = answer.started + this.timeout > this.#clock.now()
    this.#end(answer)
    if (isSpared) {
      this.#counters.of(answer.client.transport).dropped++
      this.#tellFailure(
        answer,
        () => new DnsError('ERR_DNS_TIMEOUT', `no reply within ${this.#options.maxReplyDelay} ms (maxReplyDelay)`),
      )
    } else {
      const error = () => new DnsError('ERR_DNS_TIMEOUT', `no reply within ${this.timeout} ms`)
      this.#fail(answer, error, [NO_REPLY])
    }
    answer.path.leave()
  }

  #answerHere(query: Message): Message | null {
    const { specialUse: isOn, any } = this.#options
    if (any !== 'pass') {
      const reply = answerAny(query, any)
      if (reply !== null) return reply
    }
    return isOn ? specialUse(query, this.#hints) : null
  }

  #send(answer: Answer, reply: Reply): void {
    let octets: Buffer
    try {
      octets = this.#writer.compose(answer.query.message, reply, answer.client.transport)
    } catch (error) {
      return this.#fail(answer, () => error, explainAll(error))
    }
    this.#deliver(answer, octets, reply.upstream)
  }

  /** SERVFAIL with the extended errors `why`; `error` is called only if somebody listens. */
  #fail(answer: Answer, error: () => unknown, why: readonly ExtendedError[]): void {
    const { message } = answer.query
    this.#tellFailure(answer, error)
    const octets = this.#writer.failure(message, why, answer.client.transport)
    if (octets !== null) this.#deliver(answer, octets, null)
  }

  #deliver(answer: Answer, octets: Buffer, upstream: string | null): void {
    const { client, path, query, started } = answer
    const counters = this.#counters.of(client.transport)
    if (!path.deliver(octets, client)) {
      counters.dropped++
      return
    }
    counters.replies++
    if (!this.#reporter.hears('reply')) return
    const elapsed = this.#clock.now() - started
    this.#reporter.report('reply', () => ({
      client,
      query: query.message,
      reply: new Message(octets),
      upstream,
      elapsed,
      size: octets.length,
    }))
  }

  #turnAway(query: Accepted, client: Client, path: ReturnPath, why: 'overload' | 'loop' | 'client-limit'): true {
    this.deny(client, why)
    // A UDP address may be forged: replies beyond the limit are what the one behind it must be spared (A12).
    if (why === 'client-limit' && !path.stream) return true
    const { message } = query
    const octets = this.#writer.error(message, RCODE.SERVFAIL, message.hasOpt, client.transport)
    if (octets !== null && path.deliver(octets, client)) this.#counters.of(client.transport).replies++
    return true
  }

  #refuse(verdict: Dropped | Refused, client: Client, path: ReturnPath): boolean {
    this.malformed(client, verdict.why, verdict.kind === 'refuse' ? verdict.rcode : null)
    if (verdict.kind === 'drop') return false
    const { message, hasOpt } = verdict
    const octets = this.#writer.error(message, verdict.rcode, hasOpt, client.transport)
    if (octets !== null && path.deliver(octets, client)) this.#counters.of(client.transport).replies++
    return true
  }

  #tellQuery(client: Client, query: Message): void {
    if (this.#reporter.hears('query')) this.#reporter.report('query', () => ({ client, query }))
  }

  #tellFailure({ client, query, started }: Answer, error: () => unknown): void {
    this.#counters.of(client.transport).failures++
    if (!this.#reporter.hears('failure')) return
    const elapsed = this.#clock.now() - started
    this.#reporter.report('failure', () => ({ client, query: query.message, error: error(), elapsed }))
  }
}

function specialUseHints(root: Root, { localNames }: ReadServerOptions): SpecialUseHints {
  return {
    covers: (query) => root.hints?.covers(query) ?? false,
    get hasPrivateUpstream() {
      return root.hints?.hasPrivateUpstream ?? false
    },
    extra: localNames,
  }
}
