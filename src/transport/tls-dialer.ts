import type { TLSSocket } from 'node:tls'
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
  readonly #shared: TlsShared
  readonly #race: Race<TLSSocket>

  /**
   * @param options with `tls`
   * @param alpn protocols of which the server must choose one; with `dot` it may choose none
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
    const attempt = new TlsAttempt(this.#shared, address, this.#shared.tickets.take())
    try {
      return await attempt.run(deadline, signal)
    } catch (error) {
      if (!attempt.triedTicket || signal.aborted || this.#shared.options.clock.now() >= deadline) throw error
      return new TlsAttempt(this.#shared, address, null).run(deadline, signal)
    }
  }
}
