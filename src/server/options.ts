import { isIP } from 'node:net'
import { systemClock, type Clock } from '../base/clock.js'
import {
  boolean,
  duration,
  integer,
  nested,
  oneOf,
  option,
  parsed,
  readOptions,
  reject,
  type Option,
  type OptionTable,
  type OptionValues,
} from '../base/options.js'
import { InvalidOptionError } from '../errors.js'
import { AllowList } from '../policy/allow-list.js'
import type { AnyPolicy } from '../policy/any.js'
import type { ExtraSuffix } from '../policy/special-use.js'
import { CERTIFICATE_OPTIONS, checkHalves, type CertificateOptions } from './certificate.js'
import { parseListenAddress, type ListenAddress } from './listen-address.js'

/** DNS over TLS (RFC 7858) of a server: TLS 1.2 and up, ALPN `dot` where the client asks for one. */
export interface TlsListenOptions extends CertificateOptions {
  /** Where to listen, port 853 where none is given. @default '127.0.0.1:853' */
  readonly listen?: string | readonly string[]
}

/** DNS over HTTPS (RFC 8484) of a server, over HTTP/3 alone (RFC 9114). */
export interface H3ListenOptions extends CertificateOptions {
  /** Where to listen, over UDP; port 443 where none is given. @default '127.0.0.1:443' */
  readonly listen?: string | readonly string[]
  /** What is asked for, without a query part. @default '/dns-query' */
  readonly path?: string
}

/** DNS over HTTPS (RFC 8484) of a server: HTTP/2, TLS 1.2 and up. */
export interface HttpsListenOptions extends CertificateOptions {
  /** Where to listen, port 443 where none is given. @default '127.0.0.1:443' */
  readonly listen?: string | readonly string[]
  /** What is asked for, without a query part. @default '/dns-query' */
  readonly path?: string
  /**
   * Speak HTTP/3 as well: over UDP at the same addresses and ports, with the same certificate and path. What is answered over
   * HTTP/2 says so by Alt-Svc (RFC 7838). @default false
   */
  readonly http3?: boolean
}

/** DNS over QUIC (RFC 9250) of a server. */
export interface QuicListenOptions extends CertificateOptions {
  /** Where to listen, over UDP; port 853 where none is given. @default '127.0.0.1:853' */
  readonly listen?: string | readonly string[]
}

/** A socket that is open already, as a service manager passes them (sd_listen_fds(3)). */
export interface InheritedSocket {
  /** Its file descriptor. */
  readonly fd: number
  readonly transport: 'udp' | 'tcp'
  /** The IP address that it is bound to; `0.0.0.0` and `::` are every address of the machine. */
  readonly address: string
  readonly port: number
}

/** Options of {@link createServer}. Durations are in ms, sizes in octets. */
export interface ServerOptions {
  /**
   * Where to listen, each over UDP and TCP: `127.0.0.1:5353`, `[::1]:5353`, `:5353` for every address of this machine.
   * Port 53 where none is given; port 0 is one that is free for both.
   * @default '127.0.0.1:53', or nowhere when `tls`, `https`, `quic` or `h3` is given: nothing is in the clear that wasn't asked for
   */
  readonly listen?: string | readonly string[]
  /** Listen for DNS over TLS as well. @default not */
  readonly tls?: TlsListenOptions
  /** Listen for DNS over HTTPS as well. @default not */
  readonly https?: HttpsListenOptions
  /** Listen for DNS over QUIC as well. @default not */
  readonly quic?: QuicListenOptions
  /** Listen for DNS over HTTP/3 as well, where there is no HTTP/2 beside it. @default not */
  readonly h3?: H3ListenOptions
  /**
   * Who may ask: networks and addresses. Everybody else is dropped unanswered.
   * @default loopback, RFC 1918, unique local and link-local networks
   */
  readonly allow?: readonly string[]
  /** Queries under way at most; more get SERVFAIL. @default 10000 */
  readonly maxConcurrent?: number
  /** Queries under way for one client address at most; loopback is exempt. @default 1000 */
  readonly maxPerClient?: number
  /** The longest reply over UDP, 512 to 65,535; more goes with TC=1 (RFC 9715). @default 1232 */
  readonly maxUdpSize?: number
  /** TCP connections at most, those of TLS, HTTPS and QUIC and their unfinished handshakes among them. @default 1000 */
  readonly maxConnections?: number
  /** The same of one client address. @default 100 */
  readonly maxConnectionsPerClient?: number
  /** Queries after which a TCP connection is closed; 0: no limit. @default 0 */
  readonly maxQueriesPerConnection?: number
  /**
   * Queries under way on one TCP or TLS connection after which it isn't read until some are answered. Over HTTPS a client
   * is allowed as many streams, but never more than 100. @default 256
   */
  readonly maxPipelined?: number
  /** How long a TCP connection may be without a complete message (RFC 7766, section 6.2.3). @default 10000 */
  readonly idleTimeout?: number
  /** How long a client may take for its TLS handshake. @default 5000 */
  readonly handshakeTimeout?: number
  /**
   * After this long a UDP client gets nothing, so that replies cannot be saved up for a burst; loopback is exempt.
   * @default the whole time that a query may take
   */
  readonly maxReplyDelay?: number
  /** Answer localhost, invalid, onion, resolver.arpa and private reverse zones here, unless a route covers them. @default true */
  readonly specialUse?: boolean
  /** Suffixes to answer here as well. @default [] */
  readonly localNames?: readonly ExtraSuffix[]
  /** What becomes of queries for ANY: asked, NOTIMP, or one HINFO record (RFC 8482). @default 'pass' */
  readonly any?: AnyPolicy
  /** Share the addresses with other processes that do so, each with a queue of its own (Node 22.12, Linux and some BSDs). @default false */
  readonly reusePort?: boolean
  /**
   * Sockets that are open already, bound, and over TCP listening: each is taken instead of a new one where its transport,
   * address and port are listened for, whatever is spoken there, and closed in the end. The others are left alone. POSIX only.
   * @default []
   */
  readonly inherit?: readonly InheritedSocket[]
  /** @default real time */
  readonly clock?: Clock
}

/** An absolute path without query and fragment (RFC 3986, section 3.3). */
const PATH = /^\/[!$-;=@-Z_a-z~]*$/
const SUFFIXES: readonly ExtraSuffix[] = ['test', 'local', 'home.arpa']

const TLS = {
  ...CERTIFICATE_OPTIONS,
  listen: listenOption('127.0.0.1', 853),
}
const H3 = {
  ...CERTIFICATE_OPTIONS,
  listen: listenOption('127.0.0.1', 443),
  path: option<string>('/dns-query', 'a path such as "/dns-query"', (v) => typeof v === 'string' && PATH.test(v)),
}
const HTTPS = { ...H3, http3: boolean(false) }
/** How each is read. */
export const SERVER_OPTIONS = {
  listen: parsed<readonly ListenAddress[] | null>(null, readListen(53)),
  tls: encrypted(TLS),
  https: encrypted(HTTPS),
  quic: encrypted(TLS),
  h3: encrypted(H3),
  allow: parsed<AllowList>(new AllowList(), (given, owner) => new AllowList(given as readonly string[], owner)),
  maxConcurrent: integer(10_000, 1),
  maxPerClient: integer(1000, 1),
  maxUdpSize: integer(1232, 512, 65_535),
  maxConnections: integer(1000, 1),
  maxConnectionsPerClient: integer(100, 1),
  maxQueriesPerConnection: integer(0, 0),
  maxPipelined: integer(256, 1),
  idleTimeout: duration(10_000),
  handshakeTimeout: duration(5000),
  maxReplyDelay: parsed<number>(Infinity, duration(1).read),
  specialUse: boolean(true),
  localNames: option<readonly ExtraSuffix[]>([], `an array of ${SUFFIXES.map((s) => `"${s}"`).join(', ')}`, isSuffixes),
  any: oneOf<AnyPolicy>('pass', 'pass', 'notimp', 'hinfo'),
  reusePort: parsed<boolean>(false, readReusePort),
  inherit: option<readonly InheritedSocket[]>(
    [],
    'an array of { fd, transport: "udp" or "tcp", address, port }',
    (value) => Array.isArray(value) && value.every(isInherited),
  ),
  clock: option<Clock>(
    systemClock,
    'a Clock',
    (v) => typeof v === 'object' && v !== null && 'now' in v && 'afterPoll' in v,
  ),
}

/** {@link ServerOptions}, read; `listen` is null when it wasn't given. */
export type ReadServerOptions = OptionValues<typeof SERVER_OPTIONS>

/** @throws {DnsError} ERR_DNS_INVALID_OPTION, ERR_DNS_INVALID_ADDRESS */
export function readServerOptions(given: unknown): ReadServerOptions {
  return readOptions('createServer', SERVER_OPTIONS, given)
}

/** Where to listen in the clear. */
export function plainAddresses({ listen, tls, https, quic, h3 }: ReadServerOptions): readonly ListenAddress[] {
  return listen ?? ([tls, https, quic, h3].every((given) => given === null) ? parseListenAddress('127.0.0.1') : [])
}

/** Ports that are listened on, those that are any free one left out. */
export function listenPorts(options: ReadServerOptions): ReadonlySet<number> {
  const { tls, https, quic, h3 } = options
  const encrypted = [tls, https, quic, h3].flatMap((given) => given?.listen ?? [])
  return new Set([...plainAddresses(options), ...encrypted].map(({ port }) => port).filter((port) => port !== 0))
}

function listenOption(fallback: string, port: number): Option<readonly ListenAddress[]> {
  return parsed(parseListenAddress(fallback, port), readListen(port))
}

function readListen(port: number) {
  return (given: unknown, owner: string, name: string): readonly ListenAddress[] => {
    const list: readonly unknown[] = Array.isArray(given) ? given : [given]
    if (list.length === 0 || !list.every((item) => typeof item === 'string')) {
      reject(owner, name, given, 'an address such as "127.0.0.1:5353", or a non-empty array of them')
    }
    return list.flatMap((text) => parseListenAddress(text, port))
  }
}

/** Options of a listener that isn't there unless they are given. */
function encrypted<S extends OptionTable & typeof CERTIFICATE_OPTIONS>(table: S): Option<OptionValues<S> | null> {
  const { read } = nested(table)
  return parsed<OptionValues<S> | null>(null, (given, owner, name) => {
    const values = read(given, owner, name)
    checkHalves(values, owner, name)
    return values
  })
}

function readReusePort(given: unknown, owner: string, name: string): boolean {
  const value = boolean(false).read(given, owner, name)
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (value && (major < 22 || (major === 22 && minor < 12)))
    throw new InvalidOptionError(owner, name, `needs Node 22.12 or later; this is ${process.versions.node}`)
  return value
}

function isInherited(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { fd, transport, address, port } = value as Partial<InheritedSocket>
  const isBound = typeof address === 'string' && isIP(address) !== 0 && Number.isInteger(port)
  return Number.isInteger(fd) && fd! >= 0 && (transport === 'udp' || transport === 'tcp') && isBound
}

function isSuffixes(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => SUFFIXES.includes(item as ExtraSuffix))
}
