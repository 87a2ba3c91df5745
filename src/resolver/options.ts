import { systemClock, type Clock } from '../base/clock.js'
import { duration, integer, option, parsed, reject } from '../base/options.js'
import { Message } from '../wire/message.js'

/** Options of a `Resolver`. Durations are in ms. */
export interface ResolverOptions {
  /** The longest that one call may take. @default the exchanger's own, or 5000 */
  readonly timeout?: number
  /** Domains to look in for names that don't end in a dot. @default none */
  readonly search?: readonly string[]
  /** How many dots a name needs, 0 to 15, to be asked for as it is before it is in the search domains. @default 1 */
  readonly ndots?: number
  /** The hosts file that `lookup` and `reverse` read first, and again when it has changed; false: none. @default the system's */
  readonly hosts?: string | false
  /** @default real time */
  readonly clock?: Clock
}

/** The system's hosts file. */
const HOSTS =
  process.platform === 'win32'
    ? `${process.env['SystemRoot'] ?? 'C:\\Windows'}\\System32\\drivers\\etc\\hosts`
    : '/etc/hosts'

/** How each is read. */
export const RESOLVER_OPTIONS = {
  timeout: parsed<number | null>(null, duration(1).read),
  search: parsed<readonly string[]>([], readSearch),
  ndots: integer(1, 0, 15),
  hosts: option<string | false>(HOSTS, 'a path, or false', (v) => v === false || (typeof v === 'string' && v !== '')),
  clock: option<Clock>(systemClock, 'a Clock', (v) => typeof v === 'object' && v !== null && 'now' in v),
}

/** @throws {InvalidOptionError} it is given and no AbortSignal */
export function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) reject('Resolver', 'signal', signal, 'an AbortSignal')
}

function readSearch(given: unknown, owner: string, name: string): readonly string[] {
  if (!Array.isArray(given) || !given.every((domain) => typeof domain === 'string' && isDomain(domain)))
    reject(owner, name, given, 'an array of domain names')
  return Object.freeze(given.map((domain: string) => domain.replace(/\.$/, '')))
}

function isDomain(text: string): boolean {
  try {
    return Message.query(text).qtype !== 0 && text !== '' && text !== '.'
  } catch {
    return false
  }
}
