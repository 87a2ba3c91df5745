import { isIPv4, isIPv6 } from 'node:net'
import { InvalidAddressError } from '../errors.js'

const EXPECTED =
  'expected an IP address with or without a port, such as 127.0.0.1:5353 or [::1]:5353, or :5353 for every address of this machine'

/** Where a listener is to be opened. */
export interface ListenAddress {
  /** An IP address, a zone included. */
  readonly host: string
  readonly family: 4 | 6
  /** 0: one that is free. */
  readonly port: number
  /** Whether it may be missing: the IPv6 half of an address that means both families. */
  readonly optional: boolean
}

/**
 * Reads an address to listen on: `127.0.0.1`, `127.0.0.1:5353`, `[::1]:5353`, `::1`, `localhost:5353` (both loopback
 * addresses) or `:5353` (every address). Without a port it is `defaultPort`; port 0 is one that is free.
 *
 * @throws {InvalidAddressError} saying what is wrong and what is accepted
 */
export function parseListenAddress(text: string, defaultPort = 53): readonly ListenAddress[] {
  const { host, port } = split(text, defaultPort)
  if (isIPv4(host)) return [{ host, family: 4, port, optional: false }]
  if (isIPv6(host)) return [{ host, family: 6, port, optional: false }]
  if (host === '' || host === '*') return both('0.0.0.0', '::', port)
  if (host.toLowerCase() === 'localhost') return both('127.0.0.1', '::1', port)
  throw new InvalidAddressError(text, `cannot be listened on: ${EXPECTED}`)
}

/** `host:port`, with brackets around an IPv6 address. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function both(v4: string, v6: string, port: number): readonly ListenAddress[] {
  return [
    { host: v4, family: 4, port, optional: false },
    { host: v6, family: 6, port, optional: true },
  ]
}

function split(text: string, defaultPort: number): { readonly host: string; readonly port: number } {
  if (text.includes('://')) {
    throw new InvalidAddressError(
      text,
      'has a scheme; the option that it stands in says what is listened for, and it is written without one',
    )
  }
  if (isIPv6(text)) return { host: text, port: defaultPort }
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(text)
  if (match === null || text === '') throw new InvalidAddressError(text, `cannot be listened on: ${EXPECTED}`)
  const [, bracketed, plain = '', port] = match
  if (bracketed !== undefined && !isIPv6(bracketed)) {
    throw new InvalidAddressError(text, `has ${JSON.stringify(bracketed)} in brackets, which is not an IPv6 address`)
  }
  return { host: bracketed ?? plain, port: port === undefined ? defaultPort : readPort(text, port) }
}

function readPort(text: string, digits: string): number {
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : NaN
  if (port <= 65_535) return port
  throw new InvalidAddressError(
    text,
    `has the port ${JSON.stringify(digits)}; a port is a number from 0 to 65535, 0 being one that is free`,
  )
}
