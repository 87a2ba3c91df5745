/** Clients without anything outstanding are forgotten once this many are known. */
const KNOWN = 4096
/** Clients that may have something outstanding at once; more come only from forged addresses. */
const MAX_CLIENTS = 65_536

/**
 * How many queries each client address has outstanding, up to a limit, so that one client cannot have a burst of
 * replies gathered for somebody else (A12). This machine's own addresses are exempt: a stub resolver that serves many
 * users asks from there.
 */
export class ClientLimits {
  readonly #limit: number
  readonly #clients = new Map<string, { outstanding: number }>()
  #sweepAt = KNOWN

  /** @param limit the most that one address may have outstanding, at least 1 */
  constructor(limit: number) {
    this.#limit = limit
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#clients.size
  }

  /** Counts one more for `address`, in canonical form; false, and nothing is counted, when it has too many already. */
  take(address: string): boolean {
    if (isExempt(address)) return true
    const client = this.#clients.get(address)
    if (client === undefined) return this.#meet(address)
    if (client.outstanding >= this.#limit) return false
    client.outstanding++
    return true
  }

  /** Gives back what {@link take} counted, once for each time that it returned true. */
  release(address: string): void {
    const client = isExempt(address) ? undefined : this.#clients.get(address)
    if (client !== undefined && client.outstanding > 0) client.outstanding--
  }

  #meet(address: string): boolean {
    if (this.#clients.size >= this.#sweepAt) this.#sweep()
    if (this.#clients.size >= MAX_CLIENTS) return false
    this.#clients.set(address, { outstanding: 1 })
    return true
  }

  /** Runs once for as many new clients as it leaves, so that each costs the same however many there are. */
  #sweep(): void {
    for (const [address, { outstanding }] of this.#clients) {
      if (outstanding === 0) this.#clients.delete(address)
    }
    this.#sweepAt = Math.min(MAX_CLIENTS, Math.max(KNOWN, 2 * this.#clients.size))
  }
}

/** 127.0.0.0/8 or ::1. */
function isExempt(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}
