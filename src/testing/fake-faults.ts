import { InvalidOptionError } from '../errors.js'
import type { TransportName } from '../exchanger.js'
import { BAD_REPLIES, type BadReply } from './bad-replies.js'
import type { AskedQuery } from './fake-answers.js'

/** Which queries a fault befalls; all of them where nothing is said. */
export interface FaultScope {
  readonly transport?: TransportName
  /** QNAME, in any case. */
  readonly name?: string
  /** Only the first so many of those that match. */
  readonly first?: number
  /** Only every n-th of those that match, beginning with the n-th. */
  readonly every?: number
}

/**
 * What goes wrong. Those marked stream befall connections (tcp, tls, https, doq, h3), those marked handshake connections that are
 * just being made (tls, https, doq, h3), those marked http the stream of a query over https or h3, or the connection that it
 * is on, and those marked tcp the connections of tcp, tls and https.
 */
export type FaultKind =
  /** Never answered; a connection stays open. */
  | { readonly kind: 'drop' }
  /** Answered after so many ms. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Answered twice, or `copies` times more than once (not over HTTP and QUIC, where there is one). */
  | { readonly kind: 'duplicate'; readonly copies?: number }
  /** Octets that aren't the reply; the reply itself follows only after `goodAfter` ms, where given (then not over HTTP and QUIC). */
  | { readonly kind: BadReply; readonly goodAfter?: number }
  /** Answered with TC=1 and no records (udp). */
  | { readonly kind: 'truncated' }
  | { readonly kind: 'rcode'; readonly rcode: string }
  /** stream: the connection is reset in place of a reply; over QUIC it is closed with an internal error. */
  | { readonly kind: 'reset' }
  /** stream, but for h3: the connection is reset in the middle of the reply. */
  | { readonly kind: 'reset-midway' }
  /** tcp: our side of the connection is closed in place of a reply. */
  | { readonly kind: 'half-close' }
  /** stream: from here on nothing is sent and what comes is ignored, a PING too; the connection stays open. */
  | { readonly kind: 'silence' }
  /**
   * doq, h3: the server forgets all connections of that transport, as one that was killed and started again; what comes on
   * them is answered with stateless resets (RFC 9000, section 10.3).
   */
  | { readonly kind: 'stateless-reset' }
  /** tcp: one octet at a time, `ms` apart (default 1). */
  | { readonly kind: 'slow'; readonly ms?: number }
  /** stream: replies are held back until there are so many, and sent last first. */
  | { readonly kind: 'out-of-order'; readonly count: number }
  /** stream: the connection is closed after so many replies. */
  | { readonly kind: 'close-after'; readonly replies: number }
  /** handshake: the connection is accepted, and TLS never answered. */
  | { readonly kind: 'handshake-silence' }
  /** handshake: the connection is closed as soon as TLS is ready. */
  | { readonly kind: 'close-after-handshake' }
  /** https, doq, h3: the stream is reset in place of a reply, with that error code: INTERNAL_ERROR by default, 2 over https (RFC 9113, section 7) and 1 over doq (RFC 9250, section 4.3); over h3 always H3_REQUEST_CANCELLED. */
  | { readonly kind: 'rst-stream'; readonly code?: number }
  /**
   * http: GOAWAY before the reply (over h3 everything that has come is answered, whatever `lastStream` says). Streams up to `lastStream` are answered and the connection is then closed; those
   * above are not (RFC 9113, section 6.8). By default that is the query's own stream, so that nothing is lost; 0 is
   * abrupt. `code` is 0, NO_ERROR, by default.
   */
  | { readonly kind: 'goaway'; readonly lastStream?: number; readonly code?: number }
  /** http: the reply with another status, from 200 to 599, and with header fields beside or in place of the usual ones. */
  | { readonly kind: 'response'; readonly status?: number; readonly headers?: Readonly<Record<string, string>> }
  /** http: the reply with zeros behind it, `octets` in all (default 65,536, one more than a message can have). */
  | { readonly kind: 'oversized'; readonly octets?: number }

/** One fault, and the queries that it is for. */
export type Fault = FaultKind & FaultScope

/** A fault of the handshake: `first` and `every` count connections, and there is no `name` yet. */
export type HandshakeFault = 'handshake-silence' | 'close-after-handshake'

/** A fault that befalls queries. */
export type QueryFault = Exclude<FaultKind, { readonly kind: HandshakeFault }> & FaultScope

const PLAIN_OR_TLS = ['udp', 'tcp', 'tls'] as const
const QUIC = ['doq', 'h3'] as const
const TCP = ['tcp', 'tls', 'https'] as const
const STREAM = [...TCP, ...QUIC] as const
const ENCRYPTED = ['tls', 'https', ...QUIC] as const
const ALL = ['udp', ...STREAM] as const

/** The transports that each kind can befall. */
const REACH: ReadonlyMap<string, readonly TransportName[]> = new Map<Fault['kind'], readonly TransportName[]>([
  ...BAD_REPLIES.map((kind) => [kind, ALL] as const),
  ['garbage', ALL],
  ['drop', ALL],
  ['delay', ALL],
  ['duplicate', PLAIN_OR_TLS],
  ['truncated', ['udp']],
  ['rcode', ALL],
  ['reset', STREAM],
  ['reset-midway', [...TCP, 'doq']],
  ['half-close', TCP],
  ['silence', STREAM],
  ['stateless-reset', QUIC],
  ['slow', TCP],
  ['out-of-order', STREAM],
  ['close-after', STREAM],
  ['handshake-silence', ENCRYPTED],
  ['close-after-handshake', ENCRYPTED],
  ['rst-stream', ['https', ...QUIC]],
  ['goaway', ['https', 'h3']],
  ['response', ['https', 'h3']],
  ['oversized', ['https', 'h3']],
])

/** A list of faults and how often each has been met. */
export class FaultPlan {
  readonly faults: readonly Fault[]
  readonly #reach: readonly (readonly TransportName[])[]
  readonly #met: number[]

  /**
   * @param served what the server is asked over
   * @throws {InvalidOptionError} a kind that isn't known, or that can befall nothing here
   */
  constructor(faults: readonly Fault[], served: readonly TransportName[]) {
    this.faults = [...faults]
    this.#reach = faults.map((fault) => reachOf(fault, served))
    this.#met = faults.map(() => 0)
  }

  /** The faults that befall `query`, which counts as met; those of the handshake do not. */
  strike(query: AskedQuery): QueryFault[] {
    return this.faults.filter((fault, at): fault is QueryFault => {
      if (isOfHandshake(fault) || !this.#reach[at]!.includes(query.transport)) return false
      if (fault.name !== undefined && fault.name.toLowerCase() !== query.name.toLowerCase()) return false
      return this.#meet(fault, at)
    })
  }

  /** What befalls a connection that has just come over `transport`, which counts as met; null: nothing. */
  greet(transport: TransportName): HandshakeFault | null {
    let found: HandshakeFault | null = null
    this.faults.forEach((fault, at) => {
      if (!isOfHandshake(fault) || !this.#reach[at]!.includes(transport)) return
      if (this.#meet(fault, at)) found ??= fault.kind
    })
    return found
  }

  #meet(fault: Fault, at: number): boolean {
    const met = (this.#met[at] = this.#met[at]! + 1)
    return (fault.first === undefined || met <= fault.first) && (fault.every === undefined || met % fault.every === 0)
  }
}

/** The transports of `served` that `fault` befalls, one at least. */
function reachOf(fault: Fault, served: readonly TransportName[]): readonly TransportName[] {
  const { kind, transport } = fault
  const reach = REACH.get(kind)
  if (reach === undefined) throw refusal(`has no kind "${kind}"; known are ${[...REACH.keys()].join(', ')}`)
  if (isOfHandshake(fault) && fault.name !== undefined) throw refusal(`has "${kind}" with a name: none is known yet`)
  if (kind === 'response' && fault.status !== undefined && !isStatus(fault.status))
    throw refusal(`has "response" with status ${fault.status}: must be a whole number from 200 to 599`)
  const twice = 'goodAfter' in fault && fault.goodAfter !== undefined
  const able = twice ? reach.filter((name) => name !== 'https' && name !== 'doq' && name !== 'h3') : reach
  const wanted = transport === undefined ? served : served.filter((name) => name === transport)
  const reached = able.filter((name) => wanted.includes(name))
  if (reached.length > 0) return reached
  const what = twice ? `"${kind}" with goodAfter` : `"${kind}"`
  throw refusal(`has ${what} for ${transport ?? served.join(', ')}, but it befalls only ${able.join(', ')}`)
}

function isOfHandshake(fault: Fault): fault is Fault & { readonly kind: HandshakeFault } {
  return fault.kind === 'handshake-silence' || fault.kind === 'close-after-handshake'
}

function isStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 200 && status <= 599
}

function refusal(problem: string): InvalidOptionError {
  return new InvalidOptionError('FakeServer', 'faults', problem)
}
