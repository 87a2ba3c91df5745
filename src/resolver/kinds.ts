import { MalformedMessageError } from '../errors.js'
import type { Reply } from '../exchanger.js'
import { TYPE } from '../wire/constants.js'
import type { RecordData } from '../wire/record.js'
import { readAddresses } from './addresses.js'
import type { ResolvableType } from './answers.js'
import { readServiceParams } from './service-params.js'

/** How one type is asked for and read. */
export interface Kind {
  readonly type: number
  /** As errors name it. */
  readonly syscall: string
  /**
   * The answers as `node:dns` gives them, null where it would report ENODATA.
   *
   * @throws {MalformedMessageError} it would report EBADRESP
   */
  readonly read: (reply: Reply, withTtl: boolean) => unknown
}

type Data<T extends keyof RecordData> = RecordData[T]
type Shape<T extends keyof RecordData> = (data: Data<T>) => object

const caa: Shape<'CAA'> = ({ flags, tag, value }) => ({ critical: flags, [tag]: value })
const mx: Shape<'MX'> = ({ preference, exchange }) => ({ exchange: nameText(exchange), priority: preference })
const service: Shape<'SVCB' | 'HTTPS'> = ({ priority, target, params }) => {
  return { priority, target: nameText(target), params: readServiceParams(params) }
}
const srv: Shape<'SRV'> = ({ target, port, priority, weight }) => ({ name: nameText(target), port, priority, weight })
const value = (name: string): object => ({ value: nameText(name) })
const entries: Shape<'TXT'> = (strings) => ({ entries: strings.map((string) => string.toString('latin1')) })

const naptr: Shape<'NAPTR'> = ({ flags, services, regexp, replacement, order, preference }) => {
  if (![flags, services, regexp].every(isPrintable)) throw new MalformedMessageError('NAPTR record is not text')
  return { flags, service: services, regexp, replacement: nameText(replacement), order, preference }
}

const soa: Shape<'SOA'> = ({ mname, rname, serial, refresh, retry, expire, minimum }) => {
  return { nsname: nameText(mname), hostmaster: nameText(rname), serial, refresh, retry, expire, minttl: minimum }
}

const tlsa: Shape<'TLSA'> = ({ usage, selector, matchingType, certificate }) => {
  return { certUsage: usage, selector, match: matchingType, data: new Uint8Array(certificate).buffer }
}

/** Types that a resolver has a method for. */
export const KINDS: Readonly<Record<ResolvableType, Kind>> = {
  A: { type: TYPE.A, syscall: 'queryA', read: (reply, withTtl) => readAddresses(reply, TYPE.A, withTtl) },
  AAAA: { type: TYPE.AAAA, syscall: 'queryAaaa', read: (reply, withTtl) => readAddresses(reply, TYPE.AAAA, withTtl) },
  ANY: { type: TYPE.ANY, syscall: 'queryAny', read: readAny },
  CAA: objects('CAA', 'queryCaa', caa),
  CNAME: { type: TYPE.CNAME, syscall: 'queryCname', read: readAlias },
  HTTPS: objects<'HTTPS'>('HTTPS', 'queryHttps', service),
  MX: objects('MX', 'queryMx', mx),
  NAPTR: objects('NAPTR', 'queryNaptr', naptr),
  NS: names('NS', 'queryNs'),
  PTR: names('PTR', 'queryPtr'),
  SOA: { type: TYPE.SOA, syscall: 'querySoa', read: readSoa },
  SRV: objects('SRV', 'querySrv', srv),
  SVCB: objects('SVCB', 'querySvcb', service),
  TLSA: objects('TLSA', 'queryTlsa', tlsa),
  TXT: { type: TYPE.TXT, syscall: 'queryTxt', read: readTxt },
}

/** What `reverse()` asks for. */
export const REVERSE: Kind = { ...KINDS.PTR, syscall: 'getHostByAddr' }

/** The shapes of `resolveAny()` beside addresses and aliases, in the order in which `node:dns` lists them. */
const ANY: readonly (readonly [type: keyof RecordData, shape: Shape<never>])[] = [
  ['MX', mx],
  ['NS', value],
  ['TXT', entries],
  ['SRV', srv],
  ['PTR', value],
  ['NAPTR', naptr],
  ['SOA', soa],
  ['TLSA', tlsa],
  ['CAA', caa],
]

function objects<T extends keyof RecordData>(type: T & keyof typeof TYPE, syscall: string, shape: Shape<T>): Kind {
  return { type: TYPE[type], syscall, read: (reply, withTtl) => shapes(reply, type, shape, withTtl) }
}

function names(type: 'NS' | 'PTR', syscall: string): Kind {
  return {
    type: TYPE[type],
    syscall,
    read: (reply, withTtl) => orNull(bare(shapes(reply, type, value, withTtl), withTtl)),
  }
}

/** The records of one type, each in its shape, with its TTL where that is asked for. */
function shapes<T extends keyof RecordData>(reply: Reply, type: T, shape: Shape<T>, withTtl: boolean): object[] {
  const found: object[] = []
  for (const record of reply.message.answers) {
    if (record.type !== type) continue
    const shaped = shape(record.data as Data<T>)
    found.push(withTtl ? { ...shaped, ttl: Math.max(0, record.ttl - reply.age) } : shaped)
  }
  return found
}

/** Names without what only a TTL beside them needs. */
function bare(found: readonly object[], withTtl: boolean): readonly unknown[] {
  return withTtl ? found : (found as readonly { value: string }[]).map((one) => one.value)
}

function orNull(found: readonly unknown[]): readonly unknown[] | null {
  return found.length === 0 ? null : found
}

/** The first alias alone, as c-ares has it. */
function readAlias(reply: Reply, withTtl: boolean): unknown {
  return orNull(bare(shapes(reply, 'CNAME', value, withTtl).slice(0, 1), withTtl))
}

function readTxt(reply: Reply, withTtl: boolean): unknown {
  const found = shapes(reply, 'TXT', entries, withTtl)
  return withTtl ? found : (found as { entries: string[] }[]).map((one) => one.entries)
}

function readSoa(reply: Reply, withTtl: boolean): unknown {
  const first = shapes(reply, 'SOA', soa, withTtl)[0]
  if (first === undefined) throw new MalformedMessageError('reply has no SOA record')
  return first
}

function readAny(reply: Reply, withTtl: boolean): unknown {
  const alias = shapes(reply, 'CNAME', value, withTtl)[0]
  const found: object[] =
    alias === undefined ? typed('A', readAddresses(reply, TYPE.A, true)) : [{ ...alias, type: 'CNAME' }]
  found.push(...typed('AAAA', readAddresses(reply, TYPE.AAAA, true)))
  for (const [type, shape] of ANY) {
    const all = shapes(reply, type, shape as Shape<typeof type>, withTtl)
    found.push(...typed(type, type === 'SOA' ? all.slice(0, 1) : all))
  }
  return found
}

function typed(type: string, found: readonly (object | string)[] | null): object[] {
  return (found ?? []).map((one) => ({ ...(one as object), type }))
}

/** A name as `node:dns` writes it: the root is empty, and a space is no octet to escape. */
function nameText(name: string): string {
  if (name === '.') return ''
  return name.includes('\\') ? name.replaceAll(/\\(?:\d{3}|.)/g, (escape) => (escape === '\\032' ? ' ' : escape)) : name
}

function isPrintable(text: string): boolean {
  return !/[^ -~]/.test(text)
}
