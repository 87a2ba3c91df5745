import { formatAddress, parseAddressList, type Address } from '../address/address.js'
import { DnsError, InvalidOptionError } from '../errors.js'
import { Forwarder, type ForwarderOptions } from '../forwarder/forwarder.js'
import { strategyFrom } from '../strategy/strategies.js'
import { UsageError, type CommandContext } from './command.js'

/** Arguments by the option that they become. */
const ARGUMENTS: ReadonlyMap<string, string> = new Map([
  ['listen', '--listen'],
  ['allow', '--allow'],
  ['strategy', '--strategy'],
  ['type', 'TYPE'],
])

/** Whom a command asks. */
export interface Chosen {
  readonly addresses: readonly Address[]
  /** Whether they are the system's resolvers, for want of others. */
  readonly system: boolean
}

/**
 * The upstreams to ask: those of `-u`, else the others, else the system's resolvers. `defaultPort`: of those that are given
 * without one.
 *
 * @throws {UsageError} one can't be read, or there is none
 */
export function chooseUpstreams(
  replacing: readonly string[],
  others: readonly string[],
  { systemServers }: CommandContext,
  defaultPort = 53,
): Chosen {
  const given = replacing.length > 0 ? replacing : others
  if (given.length > 0)
    return { addresses: asUsage(() => given.flatMap((text) => parseAddressList(text, { defaultPort }))), system: false }
  const addresses = systemServers().flatMap((text) => parseAddressList(text))
  if (addresses.length === 0)
    throw new UsageError('no upstream is given, and the system has no resolver: name one, such as 9.9.9.9')
  return { addresses, system: true }
}

/** The same server over TCP, where it would be asked over UDP. */
export function overTcp(address: Address): string {
  if (address.transport !== 'udp') return tagged(address.text, address)
  return tagged(formatAddress({ transport: 'tcp', host: address.host, port: address.port, path: null }), address)
}

/** A forwarder from arguments. @throws {UsageError} they can't be used */
export function makeForwarder(options: ForwarderOptions & { readonly strategy?: string }): Forwarder {
  return asUsage(() => {
    if (options.strategy !== undefined) strategyFrom(options.strategy, 'headrace')
    return new Forwarder(options)
  })
}

/** What `run` returns; errors that arguments cause are UsageErrors. */
export function asUsage<T>(run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw error instanceof DnsError ? usageOf(error) : error
  }
}

/** What is wrong with an argument, by the name that it has on the command line. */
export function usageOf(error: DnsError): UsageError {
  if (!(error instanceof InvalidOptionError)) return new UsageError(error.message, { cause: error })
  const { owner, option, message } = error
  const problem = message.replace(`${owner}: option "${option}" `, '')
  return new UsageError(`${ARGUMENTS.get(option.replace(/\[.*/, '')) ?? option} ${problem}`, { cause: error })
}

function tagged(text: string, { tag }: Address): string {
  return tag === null ? text : `${text}|${tag}`
}
