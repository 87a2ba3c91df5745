import { boolean, integer, option, parsed, readOptions, reject, type OptionValues } from '../base/options.js'
import { DnsError, InvalidOptionError } from '../errors.js'
import type { Query } from '../exchanger.js'
import { rcodeNumber, type Rcode } from '../wire/constants.js'
import { Subnet } from '../wire/subnet.js'
import type { FakeRecord } from './fake-answers.js'

/** A delay in ms, or the least and the most of one that is drawn for each query. */
export type Delay = number | readonly [least: number, most: number]

/** A reply. Without records, A and AAAA get one, 192.0.2.1 or 2001:db8::1 for 300 s; other types and RCODEs get none, but an SOA. */
export interface ReplyBehaviour {
  /** @default 'NOERROR' */
  readonly rcode?: Rcode | number
  readonly answers?: readonly FakeRecord[]
  readonly authority?: readonly FakeRecord[]
  readonly additional?: readonly FakeRecord[]
  /** How long it takes. @default 0: at once */
  readonly after?: Delay
  /** Extended errors (RFC 8914); a query without EDNS doesn't get them. */
  readonly ede?: readonly { readonly code: number; readonly text?: string }[]
  /** AA. @default false */
  readonly authoritative?: boolean
  /** AD. @default false */
  readonly authenticData?: boolean
  /** TC, and no records unless they are given. @default false */
  readonly truncated?: boolean
  /**
   * SCOPE PREFIX-LENGTH of the client subnet (RFC 7871), which is that of the query unless `subnet` is another; a query without
   * gets none. @default none
   */
  readonly scope?: number
  /** A subnet such as `192.0.2.0/24` that it claims to be for, whatever the query asked for. @default none */
  readonly subnet?: string
  /** What makes it the reply to something else: no real upstream lets such a one through. @default nothing */
  readonly wrong?: 'id' | 'question'
}

/** A failure: what the exchange rejects with. */
export interface ErrorBehaviour {
  readonly error: DnsError
  /** How long it takes. @default 0: at once */
  readonly after?: Delay
}

/**
 * What a fake does with one query: reply; fail; `'silent'`, nothing until the deadline; `'refused'`, no connection
 * (`ERR_DNS_CONNECT`) at once; `'wrong-id'` and `'wrong-question'`, a reply to something else.
 */
export type Behaviour = ReplyBehaviour | ErrorBehaviour | 'silent' | 'refused' | 'wrong-id' | 'wrong-question'

/**
 * One behaviour for every query; a list, one for each query and the last for all that follow; or a function of the
 * query and its number since the script was set, 1 for the first.
 */
export type Script = Behaviour | readonly Behaviour[] | ((query: Query, nth: number) => Behaviour)

const DELAY = parsed<Delay>(0, (given, owner, name) => {
  const [least, most] = Array.isArray(given) && given.length === 2 ? (given as [unknown, unknown]) : [given, given]
  if (isDelay(least) && isDelay(most) && least <= most) return given as Delay
  return reject(owner, name, given, 'milliseconds from 0 to 2147483647, or [least, most]')
})
const RECORDS = option<readonly FakeRecord[] | null>(
  null,
  'an array of records such as { type: "A", data: "192.0.2.1" }',
  isRecords,
)
const REPLY = {
  rcode: parsed<number>(0, (given) => rcodeNumber(given as string)),
  answers: RECORDS,
  authority: RECORDS,
  additional: RECORDS,
  after: DELAY,
  ede: option<NonNullable<ReplyBehaviour['ede']>>([], 'an array of { code, text }', isEde),
  authoritative: boolean(false),
  authenticData: boolean(false),
  truncated: boolean(false),
  scope: parsed<number | null>(null, (given, owner, name) => integer(0, 0, 255).read(given, owner, name)),
  subnet: parsed<Subnet | null>(
    null,
    (given, owner, name) =>
      Subnet.parse(String(given)) ?? reject(owner, name, given, 'a subnet such as "192.0.2.0/24"'),
  ),
  wrong: option<'id' | 'question' | null>(null, '"id" or "question"', (v) => v === 'id' || v === 'question'),
}
const FAILURE = { error: option<DnsError | null>(null, 'a DnsError', (v) => v instanceof DnsError), after: DELAY }

/** A behaviour that was checked, with its defaults filled in. */
export type Step =
  | { readonly kind: 'silent' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'failure'; readonly error: DnsError; readonly after: Delay }
  | { readonly kind: 'reply'; readonly reply: OptionValues<typeof REPLY>; readonly after: Delay }

const WORDS: ReadonlyMap<unknown, Step> = new Map<unknown, Step>([
  ['silent', { kind: 'silent' }],
  ['refused', { kind: 'refused' }],
  ['wrong-id', replyStep({ wrong: 'id' })],
  ['wrong-question', replyStep({ wrong: 'question' })],
])
const ALLOWED = `a reply such as { rcode: "NXDOMAIN", after: 20 }, { error }, ${[...WORDS.keys()].map((word) => `"${String(word)}"`).join(', ')}, a list of these, or a function that returns one`

/** The behaviour for a query; `nth` is 1 for the first. */
export type Steps = (query: Query, nth: number) => Step

/**
 * A script as a function; what a function of the user's returns is checked when it does.
 *
 * @throws {InvalidOptionError} it is no script
 */
export function readScript(script: Script): Steps {
  if (typeof script === 'function') return (query, nth) => readBehaviour(script(query, nth))
  const behaviours: readonly unknown[] = Array.isArray(script) ? script : [script]
  if (behaviours.length === 0)
    throw new InvalidOptionError('FakeUpstream', 'script', 'is an empty list: nothing says what to do with a query')
  const steps = behaviours.map(readBehaviour)
  return (_query, nth) => steps[Math.min(nth, steps.length) - 1]!
}

function readBehaviour(given: unknown): Step {
  const word = WORDS.get(given)
  if (word !== undefined) return word
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    return reject('FakeUpstream', 'script', given, ALLOWED)
  if (!('error' in given)) return replyStep(given)
  const { error, after } = readOptions('FakeUpstream', FAILURE, given)
  return error === null ? reject('FakeUpstream', 'error', given.error, 'a DnsError') : { kind: 'failure', error, after }
}

function replyStep(given: object): Step {
  const reply = readOptions('FakeUpstream', REPLY, given)
  return { kind: 'reply', reply, after: reply.after }
}

function isDelay(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 2 ** 31
}

function isRecords(value: unknown): boolean {
  return (
    Array.isArray(value) &&
    value.every(
      (record) => typeof record === 'string' || (typeof record === 'object' && record !== null && 'data' in record),
    )
  )
}

function isEde(value: unknown): boolean {
  return Array.isArray(value) && value.every((entry) => typeof (entry as { code?: unknown } | null)?.code === 'number')
}
