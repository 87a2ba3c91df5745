import dns, { type LookupAddress } from 'node:dns'
import type { Cancellable } from '../base/cancel.js'
import { MalformedMessageError, type DnsError } from '../errors.js'
import type { Reply } from '../exchanger.js'
import { RCODE, TYPE } from '../wire/constants.js'
import { addressesIn } from './addresses.js'
import type { Desk, Question } from './desk.js'
import type { ReadLookupOptions } from './lookup-options.js'
import { ResolverError, type FailureDetails } from './resolver-error.js'
import { Task } from './task.js'

/** Told the end of a lookup: an error, or the addresses of each family, at least one of them. */
export type HostLookupEnd = (error: ResolverError | null, found4: readonly string[], found6: readonly string[]) => void

/** What one lookup wants to know. */
export interface WantedHost {
  /** As it was given, for errors. */
  readonly hostname: string
  /** Names to ask for, until one has an address. */
  readonly names: readonly string[]
  readonly families: readonly (4 | 6)[]
  /** Clock time, in ms. */
  readonly started: number
}

/** libuv's numbers of the errors that `getaddrinfo` has. */
const ERRNO = { ENOTFOUND: -3008, EAI_AGAIN: -3001, EAI_CANCELED: -3003 } as const
const NONE: readonly string[] = []

/** The error of a name that nobody knows. */
export function notFound(hostname: string, details: FailureDetails = {}): ResolverError {
  return failure('ENOTFOUND', hostname, details)
}

/** One lookup of a host: asks for its families at once, name after name; that one fails doesn't fail the other. */
export class HostLookup extends Task {
  readonly started: number
  readonly deadline: number
  readonly #hostname: string
  readonly #names: readonly string[]
  readonly #families: readonly (4 | 6)[]
  readonly #end: HostLookupEnd
  /** Those for the name that is asked for now. */
  #asked: readonly FamilyQuestion[] = []
  #found4 = NONE
  #found6 = NONE
  #next = 0
  #left = 0
  #failure: FailureDetails | null = null
  #absence: Reply | null = null

  constructor(desk: Desk, wanted: WantedHost, end: HostLookupEnd) {
    super(desk)
    const { hostname, names, families, started } = wanted
    this.started = started
    this.deadline = started + desk.timeout
    this.#hostname = hostname
    this.#names = names
    this.#families = families
    this.#end = end
  }

  /** Asks for the next name. */
  ask(): void {
    if (this.over) return
    const name = this.#names[this.#next++]!
    this.#left = this.#families.length
    this.#asked = this.#families.map((family) => new FamilyQuestion(this, family))
    for (const question of this.#asked)
      if (this.desk.ask(name, question.type, question) !== null) this.settle(question.family, NONE, null)
  }

  /** What one family has by `reply`; null: nobody was asked. */
  settle(family: 4 | 6, found: readonly string[], reply: Reply | null): void {
    if (family === 4) this.#found4 = found
    else this.#found6 = found
    if (reply !== null) this.#absence = reply
    this.#settled()
  }

  /** One family can't be told. */
  fail(details: FailureDetails): void {
    this.#failure ??= details
    this.#settled()
  }

  onFailure(cause: DnsError): void {
    this.fail({ cause })
  }

  abandon(cause: DnsError): void {
    if (!this.finish()) return
    this.#end(failure('EAI_CANCELED', this.#hostname, { cause }), NONE, NONE)
    for (const question of this.#asked) question.cancel()
  }

  #settled(): void {
    if (this.over || --this.#left > 0) return
    const found4 = this.#found4
    const found6 = this.#found6
    const isFound = found4.length > 0 || found6.length > 0
    if (!isFound && this.#failure === null && this.#next < this.#names.length) this.ask()
    else if (this.finish()) this.#end(isFound ? null : this.#error(), found4, found6)
  }

  #error(): ResolverError {
    if (this.#failure === null) return notFound(this.#hostname, this.#absence === null ? {} : { reply: this.#absence })
    return failure('EAI_AGAIN', this.#hostname, this.#failure)
  }
}

/** The question for one family. */
class FamilyQuestion implements Question, Cancellable {
  readonly timeout = undefined
  readonly family: 4 | 6
  readonly #lookup: HostLookup
  #target: Cancellable | null = null
  #answered = false

  constructor(lookup: HostLookup, family: 4 | 6) {
    this.#lookup = lookup
    this.family = family
  }

  get type(): 1 | 28 {
    return this.family === 4 ? TYPE.A : TYPE.AAAA
  }

  get started(): number {
    return this.#lookup.started
  }

  get deadline(): number {
    return this.#lookup.deadline
  }

  get answered(): boolean {
    return this.#answered
  }

  attach(target: Cancellable): boolean {
    if (this.#lookup.over) target.cancel()
    else this.#target = target
    return true
  }

  cancel(): void {
    this.#target?.cancel()
  }

  onReply(given: Reply): void {
    this.#answered = true
    if (this.#lookup.over) return
    try {
      const message = given.message.scrubbed()
      const reply = message === given.message ? given : { ...given, message }
      const isNoError = message.rcode === RCODE.NOERROR && !message.truncated
      if (!isNoError && message.rcode !== RCODE.NXDOMAIN) return this.#lookup.fail({ reply })
      const found = isNoError ? addressesIn(message, this.type) : null
      this.#lookup.settle(this.family, found ?? NONE, reply)
    } catch (cause) {
      if (!(cause instanceof MalformedMessageError)) throw cause
      this.#lookup.fail({ cause })
    }
  }

  onFailure(cause: DnsError): void {
    this.#lookup.onFailure(cause)
  }
}

/** The addresses of both families as `options` wants them: in order, IPv4 within IPv6 where that is asked for (RFC 3493, section 6.1). */
export function select(
  found4: readonly string[],
  found6: readonly string[],
  { family, hints, order }: ReadLookupOptions,
  prefers6: boolean,
): LookupAddress[] {
  const is6First = order === 'ipv6first' || (order === 'verbatim' && prefers6)
  const list: LookupAddress[] = []
  if (is6First && family !== 4) add(list, found6, 6)
  if (family !== 6) add(list, found4, 4)
  if (!is6First && family !== 4) add(list, found6, 6)
  const isMapped = family === 6 && (hints & dns.V4MAPPED) !== 0 && (found6.length === 0 || (hints & dns.ALL) !== 0)
  if (isMapped) for (const address of found4) list.push({ address: `::ffff:${address}`, family: 6 })
  return list
}

function add(list: LookupAddress[], addresses: readonly string[], family: 4 | 6): void {
  for (const address of addresses) list.push({ address, family })
}

function failure(code: keyof typeof ERRNO, hostname: string, details: FailureDetails): ResolverError {
  return new ResolverError(code, 'getaddrinfo', hostname, { errno: ERRNO[code], ...details })
}
