import { canonicalIp } from '../address/ip.js'
import { parseAddress, type Address } from '../address/address.js'
import type { Random } from '../base/clock.js'
import { MalformedMessageError } from '../errors.js'
import type { Message } from '../wire/message.js'
import type { SvcbData } from '../wire/record.js'

/** Service parameters that are read (RFC 9460, section 14.3.2; dohpath: RFC 9461, section 5). */
const KEY = { mandatory: 0, alpn: 1, noDefaultAlpn: 2, port: 3, ipv4hint: 4, ipv6hint: 6, dohpath: 7 } as const
const KNOWN: ReadonlySet<number> = new Set(Object.values(KEY))

/** An encrypted resolver that a plain one designates (RFC 9462, section 1.1). */
export interface Designation {
  /** Its transport, name, port and path. */
  readonly address: Address
  /** IP addresses that came along; empty: its name has to be looked up. */
  readonly hints: readonly string[]
}

/** What a resolver says of itself. */
export interface Designations {
  /** Those that headrace can speak to, the preferred one first. */
  readonly resolvers: readonly Designation[]
  /** The name to ask instead (AliasMode; RFC 9460, section 2.4.2), or null. */
  readonly alias: string | null
  /** How long that may be believed, in seconds; Infinity where nothing was said. */
  readonly ttl: number
}

/**
 * The designated resolvers in the SVCB records of `reply`, by SvcPriority and, where that is the same, in random order.
 * One malformed record makes all of them void (RFC 9460, section 2.2).
 *
 * @throws {MalformedMessageError} one is malformed
 */
export function readDesignations(reply: Message, random: Random): Designations {
  const records = reply.answers.filter((record) => record.type === 'SVCB' && record.class === 'IN')
  const services = records.map(({ data }) => readService(data as SvcbData))
  const ttl = Math.min(...records.map((record) => record.ttl))
  const alias = services.find(({ priority }) => priority === 0)
  if (alias !== undefined) return { resolvers: [], alias: alias.target === '.' ? null : alias.target, ttl }
  const drawn = services.map((service) => ({ service, draw: random() }))
  drawn.sort((a, b) => a.service.priority - b.service.priority || a.draw - b.draw)
  return { resolvers: drawn.flatMap(({ service }) => designationsOf(service, reply)), alias: null, ttl }
}

/** An SVCB record, read. */
interface Service {
  readonly priority: number
  readonly target: string
  /** Whether it demands nothing that isn't known here. */
  readonly compatible: boolean
  readonly alpn: readonly string[]
  readonly port: number | null
  readonly hints: readonly string[]
  readonly dohPath: string | null
}

function readService({ priority, target, params }: SvcbData): Service {
  const values = new Map(params.map(({ key, value }) => [key, value]))
  const port = values.get(KEY.port)
  if (port !== undefined && port.length !== 2) malformed('port')
  if ((values.get(KEY.noDefaultAlpn)?.length ?? 0) > 0) malformed('no-default-alpn')
  return {
    priority,
    target: target.toLowerCase(),
    compatible: readMandatory(values).every((key) => KNOWN.has(key)),
    alpn: readAlpn(values.get(KEY.alpn)),
    port: port?.readUInt16BE(0) ?? null,
    hints: [...readHints(values.get(KEY.ipv4hint), 4), ...readHints(values.get(KEY.ipv6hint), 16)],
    dohPath: values.get(KEY.dohpath)?.toString('utf8') ?? null,
  }
}

/** Keys in ascending order, each there, none of them `mandatory` itself (RFC 9460, section 8). */
function readMandatory(values: ReadonlyMap<number, Buffer>): readonly number[] {
  const value = values.get(KEY.mandatory)
  if (value === undefined) return []
  if (value.length === 0 || value.length % 2 !== 0) malformed('mandatory')
  const keys = Array.from({ length: value.length / 2 }, (_, i) => value.readUInt16BE(2 * i))
  if (keys.some((key, i) => key === KEY.mandatory || !values.has(key) || key <= (keys[i - 1] ?? -1)))
    malformed('mandatory')
  return keys
}

/** Protocol names, each with its length before it (RFC 9460, section 7.1.1). */
function readAlpn(value: Buffer | undefined): readonly string[] {
  if (value === undefined) return []
  if (value.length === 0) malformed('alpn')
  const names: string[] = []
  for (let at = 0; at < value.length;) {
    const end = at + 1 + value[at]!
    if (end === at + 1 || end > value.length) malformed('alpn')
    names.push(value.toString('latin1', at + 1, end))
    at = end
  }
  return names
}

/** IP addresses of `size` octets one after another (RFC 9460, section 7.3). */
function readHints(value: Buffer | undefined, size: 4 | 16): readonly string[] {
  if (value === undefined) return []
  if (value.length === 0 || value.length % size !== 0) malformed('ip hint')
  return Array.from({ length: value.length / size }, (_, i) => {
    const octets = value.subarray(i * size, (i + 1) * size)
    if (size === 4) return octets.join('.')
    return canonicalIp(octets.toString('hex').replace(/.{4}(?!$)/g, '$&:'))!
  })
}

function malformed(what: string): never {
  throw new MalformedMessageError(`SVCB parameter ${what} is malformed`)
}

/** Those over TCP before those over QUIC, and DoT before DoH: the others cost more. The name of the resolver must be said (RFC 9462, section 4). */
function designationsOf(service: Service, reply: Message): readonly Designation[] {
  const { target, compatible, alpn, port, dohPath } = service
  if (!compatible || target === '.') return []
  const hints = [...new Set([...service.hints, ...addressesIn(reply, target)])]
  const texts: string[] = []
  if (alpn.includes('dot')) texts.push(`tls://${target}:${port ?? 853}`)
  // The template must have the variable `dns` (RFC 9461, section 5); any but the usual form is left alone.
  const path = dohPath !== null && /^\/[^?#]*\{\?dns\}$/.test(dohPath) ? dohPath : null
  if (alpn.includes('h2') && path !== null) texts.push(`https://${target}:${port ?? 443}${path}`)
  if (alpn.includes('doq')) texts.push(`doq://${target}:${port ?? 853}`)
  if (alpn.includes('h3') && path !== null) texts.push(`h3://${target}:${port ?? 443}${path}`)
  return texts.flatMap((text) => {
    try {
      return [{ address: parseAddress(text), hints }]
    } catch {
      // A name that is no host name, or a port that is forbidden: nothing to speak to.
      return []
    }
  })
}

function addressesIn(reply: Message, host: string): readonly string[] {
  return reply.additional.flatMap(({ name, type, data }) =>
    (type === 'A' || type === 'AAAA') && name.toLowerCase() === host ? [data] : [],
  )
}
