import { isIP } from 'node:net'
import type { Answer, Answers, ResolvableType, ResolveOptions } from './answers.js'
import type { CallbackLookup } from './lookup.js'
import { nodeThrows } from './node-throws.js'
import { invalidAddress, type ResolverError } from './resolver-error.js'
import type { Resolver } from './resolver.js'

/** Told the end of one call, never before the call has returned. `found` is undefined with an error. */
export type ResolveCallback<T> = (error: ResolverError | null, found: T) => void

/** A method that looks one type up. */
export interface CallbackMethod<T extends ResolvableType> {
  (hostname: string, callback: ResolveCallback<Answers[T]>): void
  <O extends ResolveOptions>(hostname: string, options: O, callback: ResolveCallback<Answer<T, O>>): void
}

const METHODS = {
  resolve4: 'A',
  resolve6: 'AAAA',
  resolveAny: 'ANY',
  resolveCaa: 'CAA',
  resolveCname: 'CNAME',
  resolveHttps: 'HTTPS',
  resolveMx: 'MX',
  resolveNaptr: 'NAPTR',
  resolveNs: 'NS',
  resolvePtr: 'PTR',
  resolveSoa: 'SOA',
  resolveSrv: 'SRV',
  resolveSvcb: 'SVCB',
  resolveTlsa: 'TLSA',
  resolveTxt: 'TXT',
} as const
type Methods = { readonly [M in keyof typeof METHODS]: CallbackMethod<(typeof METHODS)[M]> }

/** The face of `dns.Resolver`: what `Resolver` has, with callbacks. Its methods need no `this`. */
export interface CallbackResolver
  extends Methods, Pick<Resolver, 'getServers' | 'setServers' | 'setLocalAddress' | 'cancel'> {
  /** The function that the resolver has, typed for callbacks alone. */
  readonly lookup: CallbackLookup
  resolve(hostname: string, callback: ResolveCallback<string[]>): void
  resolve<T extends ResolvableType>(hostname: string, rrtype: T, callback: ResolveCallback<Answers[T]>): void
  /** @throws {ResolverError} EINVAL: it is no IP address */
  reverse(ip: string, callback: ResolveCallback<string[]>): void
}

/** The methods of `resolver` with callbacks. */
export function callbacksOf(resolver: Resolver): CallbackResolver {
  const methods: [string, unknown][] = Object.entries(METHODS).map(([name, type]) => [name, method(resolver, type)])
  return {
    ...(Object.fromEntries([...methods, ['lookup', resolver.lookup]]) as Methods & Pick<CallbackResolver, 'lookup'>),
    resolve: resolveWith(resolver),
    reverse: reverseWith(resolver),
    getServers: () => resolver.getServers(),
    setServers: (servers) => resolver.setServers(servers),
    setLocalAddress: (ipv4, ipv6) => resolver.setLocalAddress(ipv4, ipv6),
    cancel: () => resolver.cancel(),
  }
}

function method<T extends ResolvableType>(resolver: Resolver, type: T): CallbackMethod<T> {
  return (hostname: string, ...rest: readonly unknown[]) => {
    const [options, callback] = rest.length > 1 ? rest : [undefined, rest[0]]
    if (typeof hostname !== 'string' || typeof callback !== 'function')
      nodeThrows((node) => node.resolve4(hostname, options as never, callback as never))
    deliver(resolver.resolve(hostname, type, options as ResolveOptions), callback as ResolveCallback<unknown>)
  }
}

function resolveWith(resolver: Resolver): CallbackResolver['resolve'] {
  return (hostname: string, ...rest: readonly unknown[]): void => {
    const [rrtype, callback] = typeof rest[0] === 'function' ? ['A', rest[0]] : rest
    if (typeof hostname !== 'string' || typeof rrtype !== 'string' || typeof callback !== 'function')
      nodeThrows((node) => node.resolve(hostname, rrtype as string, callback as never))
    deliver(resolver.resolve(hostname, rrtype as ResolvableType), callback as ResolveCallback<unknown>)
  }
}

function reverseWith(resolver: Resolver): CallbackResolver['reverse'] {
  return (ip, callback) => {
    if (typeof ip !== 'string' || typeof callback !== 'function')
      nodeThrows((node) => node.reverse(ip, callback as never))
    if (isIP(ip) === 0) throw invalidAddress(ip)
    deliver(resolver.reverse(ip), callback as ResolveCallback<unknown>)
  }
}

/** What a callback throws is nobody's rejection. */
function deliver(found: Promise<unknown>, callback: ResolveCallback<unknown>): void {
  found.then(
    (value) => process.nextTick(callback, null, value),
    (error: unknown) => process.nextTick(callback, error),
  )
}
