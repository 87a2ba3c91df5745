import { randomBytes } from 'node:crypto'
import type { ClientInfo, Exchanger } from '../exchanger.js'
import { Message } from '../wire/message.js'

/** How long a probe may be on its way, in ms; the next one goes out no earlier. */
const PATIENCE = 1000
/** How long queries from where a probe came back are refused, in ms. */
const REFUSED = 2000
/** Reserved so that nobody has it, and asked like any other name (RFC 6761, section 6.5). */
const SUFFIX = 'loop-check.headrace.example'

/**
 * Finds out whether what we ask comes back to us through other forwarders (A13): a query for a name that nobody else
 * can know is sent, and whoever brings it back is where the circle closes.
 */
export class LoopProbe {
  readonly #root: Exchanger
  readonly #refusedUntil = new Map<string, number>()
  #probe: Message | null = null
  #next = -Infinity

  constructor(root: Exchanger) {
    this.#root = root
  }

  /** Whether {@link isLoop} has anything to look for. */
  get active(): boolean {
    return this.#probe !== null || this.#refusedUntil.size > 0
  }

  /** Sends a probe, unless one went out within the last second. `now` is clock time, in ms. */
  send(now: number): void {
    if (now < this.#next) return
    this.#next = now + PATIENCE
    const message = Message.query(`${randomBytes(8).toString('hex')}.${SUFFIX}`, 'TXT')
    this.#probe = message
    const over = (): void => {
      if (this.#probe === message) this.#probe = null
    }
    const ctx = { deadline: now + PATIENCE, scope: null, client: null, purpose: 'query', trace: null } as const
    try {
      Promise.resolve(this.#root.exchange({ message }, ctx)).then(over, over)
    } catch {
      over()
    }
  }

  /** Whether `query` is our own, or comes from where one of ours came back within the last two seconds. */
  isLoop(query: Message, { address }: ClientInfo, now: number): boolean {
    if (this.#probe?.sameQuestion(query) === true) this.#refusedUntil.set(address, now + REFUSED)
    const until = this.#refusedUntil.get(address)
    if (until === undefined) return false
    if (now < until) return true
    this.#refusedUntil.delete(address)
    return false
  }
}
