import type { Cancellable } from '../base/cancel.js'
import { MalformedMessageError, type DnsError } from '../errors.js'
import type { Reply } from '../exchanger.js'
import type { Desk, Question } from './desk.js'
import { REVERSE, type Kind } from './kinds.js'
import { codeOfFailure, codeOfRcode, ResolverError, type FailureDetails } from './resolver-error.js'
import { Task } from './task.js'

/** What `reverse` tells apart: to c-ares whatever else goes wrong there means that the address has no name. */
const TOLD: ReadonlySet<string> = new Set(['ECANCELLED', 'EDESTRUCTION', 'EBADRESP'])

/** What one call of `resolve*` or `reverse` wants to know. */
export interface Wanted {
  readonly kind: Kind
  /** Names to ask for, until one has something. */
  readonly names: readonly string[]
  /** As it was given, for errors. */
  readonly hostname: string
  readonly withTtl: boolean
}

/** One call of `resolve*` or `reverse`: asks for one name after another, and tells the end. */
export class Resolution extends Task implements Question {
  readonly started: number
  readonly deadline: number
  readonly timeout = undefined
  readonly #wanted: Wanted
  readonly #resolve: (found: never) => void
  readonly #reject: (error: ResolverError) => void
  #target: Cancellable | null = null
  #next = 0
  /** A reply that a name has no such records: worth more than that another isn't there. */
  #noData: Reply | null = null

  constructor(desk: Desk, wanted: Wanted, resolve: (found: never) => void, reject: (error: ResolverError) => void) {
    super(desk)
    this.started = desk.clock.now()
    this.deadline = this.started + desk.timeout
    this.#wanted = wanted
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Asks for the next name. */
  ask(): void {
    if (this.over) return
    const refusal = this.desk.ask(this.#wanted.names[this.#next++]!, this.#wanted.kind.type, this)
    if (refusal !== null) this.#failed(refusal, {})
  }

  get answered(): boolean {
    return this.over
  }

  attach(target: Cancellable): boolean {
    if (this.over) target.cancel()
    else this.#target = target
    return true
  }

  onReply(given: Reply): void {
    if (this.over) return
    try {
      const reply = scrubbed(given)
      const { message } = reply
      // What no transport could complete is no answer (RFC 2181, section 9).
      const code = message.truncated ? 'ESERVFAIL' : codeOfRcode(message.rcode)
      const found = code === null && message.hasData ? this.#wanted.kind.read(reply, this.#wanted.withTtl) : null
      if (found === null) this.#failed(code ?? 'ENODATA', { reply })
      else if (this.finish()) this.#resolve(found as never)
    } catch (cause) {
      if (!(cause instanceof MalformedMessageError)) throw cause
      this.#end('EBADRESP', { cause })
    }
  }

  onFailure(cause: DnsError): void {
    this.#end(codeOfFailure(cause), { cause })
  }

  abandon(cause: DnsError): void {
    const target = this.#target
    this.#end(codeOfFailure(cause), { cause })
    target?.cancel()
  }

  #failed(code: string, details: FailureDetails): void {
    if (code === 'ENODATA') this.#noData ??= details.reply ?? null
    const isAbsent = code === 'ENODATA' || code === 'ENOTFOUND' || code === 'EBADNAME'
    if (isAbsent && this.#next < this.#wanted.names.length) this.ask()
    else if (isAbsent && this.#noData !== null) this.#end('ENODATA', { reply: this.#noData })
    else this.#end(code, details)
  }

  #end(code: string, details: FailureDetails): void {
    if (!this.finish()) return
    const { kind, hostname } = this.#wanted
    const isBlurred = kind === REVERSE && !TOLD.has(code) && details.reply?.message.hasData !== true
    this.#reject(new ResolverError(isBlurred ? 'ENOTFOUND' : code, kind.syscall, hostname, details))
  }
}

/** An exchanger of the user's own may not have left out what belongs to other names. */
function scrubbed(reply: Reply): Reply {
  const message = reply.message.scrubbed()
  return message === reply.message ? reply : { message, upstream: reply.upstream, age: reply.age }
}
