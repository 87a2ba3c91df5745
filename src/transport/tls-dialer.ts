import type { TLSSocket } from 'node:tls'
import { DnsError } from '../errors.js'
import { systemCode } from './failure.js'
import { Race } from './race.js'
import { TlsAttempt, type TlsShared } from './tls-attempt.js'
import { secureContext } from './tls-context.js'
import { Tickets } from './tls-tickets.js'
import type { TransportOptions } from './transport.js'

/**
 * Opens TLS connections to one upstream by the strict profile of RFC 8310: whoever gets one of them may write to it, for
 * the server has been authenticated, in resumed sessions too.
 */
export class TlsDialer {
  #shared: TlsShared
  readonly #race: Race<TLSSocket>

  /**
   * @param options with `tls`
   * @param alpn protocols of which the server must choose one; with `dot` it may choose none, or know others alone
   */
  constructor(options: TransportOptions, alpn: readonly string[]) {
    const settings = options.tls!
    this.#shared = { options, settings, context: secureContext(settings), alpn, tickets: new Tickets() }
    this.#race = new Race(options, (address, deadline, signal) => this.#connect(address, deadline, signal))
  }

  /**
   * A connection to the address that is first to authenticate. `signal` ends it until then.
   *
   * @throws {DnsError} ERR_DNS_TLS: the server could not be authenticated; ERR_DNS_CONNECT; ERR_DNS_CLOSED
   */
  dial(signal: AbortSignal): Promise<TLSSocket> {
    return this.#race.run(signal)
  }

  async #connect(address: string, deadline: number, signal: AbortSignal): Promise<TLSSocket> {
    const shared = this.#shared
    const { alpn, tickets } = shared
    const attempt = new TlsAttempt(shared, address, tickets.take())
    try {
      return await attempt.run(deadline, signal)
    } catch (error) {
      const silent = alpn.includes('dot') && isRefusalOfAlpn(error)
      if (!(silent || attempt.triedTicket) || signal.aborted || shared.options.clock.now() >= deadline) throw error
      if (!silent) return new TlsAttempt(shared, address, null).run(deadline, signal)
      return await this.#connectWithoutAlpn(address, deadline, signal)
    }
  }

  /** RFC 7858 knows nothing of ALPN: a server that refuses `dot` for want of a protocol in common may speak DNS all the same. */
  async #connectWithoutAlpn(address: string, deadline: number, signal: AbortSignal): Promise<TLSSocket> {
    const shared: TlsShared = { ...this.#shared, alpn: [] }
    const socket = await new TlsAttempt(shared, address, null).run(deadline, signal)
    this.#shared = shared
    return socket
  }
}

/** RFC 7301, section 3.2: no_application_protocol. */
function isRefusalOfAlpn(error: unknown): boolean {
  return error instanceof DnsError && systemCode(error.cause).endsWith('ALERT_NO_APPLICATION_PROTOCOL')
}
