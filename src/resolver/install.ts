import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import type { Lookup } from './lookup.js'

/** What stands in `dns` and in `dns.promises`. */
interface Standing {
  readonly callback: unknown
  readonly promised: unknown
}

/** Those that are installed. */
const installed = new Set<Installation>()

/** A lookup in place of `dns.lookup` and `dns.promises.lookup`, for code that can't be told of it. */
export class Installation {
  readonly #lookup: Lookup
  #before: Standing | null = null

  constructor(lookup: Lookup) {
    this.#lookup = lookup
  }

  /** Does nothing while it is installed. */
  install(): void {
    if (this.#before !== null) return
    this.#before = standing()
    installed.add(this)
    put({ callback: this.#lookup, promised: this.#lookup })
  }

  /** Puts back what was there before, also for those who were installed since; what somebody else has put there since stays. */
  uninstall(): void {
    const before = this.#before
    if (before === null) return
    this.#before = null
    installed.delete(this)
    for (const other of installed) other.#before = this.#without(other.#before!, before)
    put(this.#without(standing(), before))
  }

  #without({ callback, promised }: Standing, before: Standing): Standing {
    return {
      callback: callback === this.#lookup ? before.callback : callback,
      promised: promised === this.#lookup ? before.promised : promised,
    }
  }
}

function standing(): Standing {
  return { callback: dns.lookup, promised: dns.promises.lookup }
}

function put({ callback, promised }: Standing): void {
  ;(dns as { lookup: unknown }).lookup = callback
  ;(dns.promises as { lookup: unknown }).lookup = promised
  // Or who has imported the functions by name would keep the others.
  syncBuiltinESMExports()
}
