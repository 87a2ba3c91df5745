import type { Cancellable } from '../base/cancel.js'
import { isOurSide } from '../base/our-side.js'
import type { DnsError, ErrorCode } from '../errors.js'
import type { ExchangeContext, Reply } from '../exchanger.js'
import type { Asking } from '../query/sink.js'
import { RCODE } from '../wire/constants.js'
import { Message } from '../wire/message.js'
import { probeMessage, type HealthSettings } from './options.js'
import type { HealthSubject } from './subject.js'

/**
 * What is wrong with a bad probe: no reply in time; no connection, or it broke; a peer that could not be
 * authenticated; octets that are no message; a reply to another question; an RCODE that says no; or `makeQuery` or
 * `checkReply` threw or said no.
 */
export type ProbeFailure = 'timeout' | 'network' | 'tls' | 'malformed' | 'mismatch' | 'rcode' | 'rejected'

/** Every {@link ProbeFailure}. */
export const PROBE_FAILURES: readonly ProbeFailure[] = [
  'timeout',
  'network',
  'tls',
  'malformed',
  'mismatch',
  'rcode',
  'rejected',
]

/** What an error's code says; any other is a broken connection's like. */
const FAILURES: Partial<Record<ErrorCode, ProbeFailure | null>> = {
  ERR_DNS_TIMEOUT: 'timeout',
  ERR_DNS_TLS: 'tls',
  ERR_DNS_MALFORMED: 'malformed',
  ERR_DNS_CANCELLED: null,
  ERR_DNS_CLOSED: null,
  ERR_DNS_OVERLOADED: null,
}

/** How a probe ended. */
export interface ProbeOutcome {
  /** `void`: it says nothing of the member. */
  readonly result: 'good' | 'bad' | 'void'
  /** What went wrong; null for a good probe, and where only our own side did. */
  readonly failure: ProbeFailure | null
  /** RCODE number of the reply, if there was one. */
  readonly rcode: number | null
  /** What was thrown, if anything was. */
  readonly error: unknown
}

/** Told how `probe` ended, once, unless it was cancelled first. */
export interface ProbeOwner {
  onProbed(probe: Probe, outcome: ProbeOutcome): void
}

/** Asks one member once. */
export class Probe implements Asking, Cancellable {
  readonly started: number
  readonly deadline: number
  readonly timeout: number
  /** Where the count of the loop's lag stood when it began. */
  readonly lagAtStart: number
  readonly #subject: HealthSubject
  readonly #settings: HealthSettings
  readonly #owner: ProbeOwner
  #query: Message | null = null
  #target: Cancellable | null = null
  #over = false

  /** @param lagAtStart what `LoopLag.begin` returned */
  constructor(subject: HealthSubject, settings: HealthSettings, owner: ProbeOwner, lagAtStart: number) {
    this.#subject = subject
    this.#settings = settings
    this.#owner = owner
    this.lagAtStart = lagAtStart
    this.started = settings.clock.now()
    this.timeout = settings.timeout
    this.deadline = this.started + settings.timeout
  }

  begin(): void {
    let message: Message
    try {
      message = this.#query = makeMessage(this.#subject, this.#settings)
    } catch (error) {
      return this.#end(bad('rejected', null, error))
    }
    if (this.#over) return
    const ctx: ExchangeContext = {
      deadline: this.deadline,
      scope: null,
      client: null,
      purpose: 'probe',
      trace: null,
    }
    this.#subject.ask({ message }, ctx, this)
  }

  attach(target: Cancellable): boolean {
    this.#target = target
    return true
  }

  cancel(): void {
    this.#over = true
    this.#target?.cancel()
  }

  onReply(reply: Reply): void {
    this.#target = null
    if (!this.#over) this.#end(judgeReply(reply, this.#query!, this.#subject, this.#settings))
  }

  onFailure(error: DnsError): void {
    this.#target = null
    if (!this.#over) this.#end(judgeFailure(error))
  }

  /** makeQuery or checkReply may have stopped the monitor, and so cancelled this. */
  #end(outcome: ProbeOutcome): void {
    if (this.#over) return
    this.#over = true
    this.#owner.onProbed(this, outcome)
  }
}

function makeMessage(subject: HealthSubject, settings: HealthSettings): Message {
  const { makeQuery, query, checkingDisabled, message } = settings
  if (makeQuery === null) return message
  const made = makeQuery(subject, query)
  return made instanceof Message ? made : probeMessage(made, checkingDisabled)
}

/** What `reply` to `query` says of `subject`. */
export function judgeReply(
  reply: Reply,
  query: Message,
  subject: HealthSubject,
  settings: Pick<HealthSettings, 'mustResolve' | 'checkReply'>,
): ProbeOutcome {
  const { message } = reply
  let rcode: number
  try {
    message.guard()
    if (!message.isReply || !message.sameQuestion(query)) return bad('mismatch', null, null)
    rcode = message.rcode
  } catch (error) {
    return bad('malformed', null, error)
  }
  if (rcode === RCODE.SERVFAIL) return bad('rcode', rcode, null)
  if (settings.mustResolve && (rcode === RCODE.NXDOMAIN || rcode === RCODE.REFUSED)) return bad('rcode', rcode, null)
  try {
    const agreed = settings.checkReply === null || settings.checkReply(reply, subject) === true
    return agreed ? { result: 'good', failure: null, rcode, error: null } : bad('rejected', rcode, null)
  } catch (error) {
    return bad('rejected', rcode, error)
  }
}

/** What it says of a member that a probe of it ended in `error`. */
export function judgeFailure(error: DnsError): ProbeOutcome {
  const failure = failureOf(error)
  return failure === null || isOurSide(error)
    ? { result: 'void', failure, rcode: null, error }
    : bad(failure, null, error)
}

/** Null: a limit of ours, or the member was closed. */
function failureOf({ code }: DnsError): ProbeFailure | null {
  const failure = FAILURES[code]
  return failure === undefined ? 'network' : failure
}

function bad(failure: ProbeFailure, rcode: number | null, error: unknown): ProbeOutcome {
  return { result: 'bad', failure, rcode, error }
}
