import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import type { Lookup } from './lookup.js'

/** What stands in the modules of Node. */
interface Functions {
  lookup: unknown
}

/** A lookup in place of `dns.lookup` and `dns.promises.lookup`, for code that can't be told of it. */
export class Installation {
  readonly #lookup: Lookup
  #before: { readonly callback: unknown; readonly promised: unknown } | null = null

  constructor(lookup: Lookup) {
    this.#lookup = lookup
  }

  /** Does nothing while it is installed. */
  install(): void {
    if (this.#before !== null) return
    this.#before = { callback: dns.lookup, promised: dns.promises.lookup }
    put(this.#lookup, this.#lookup)
  }

  /** Puts back what was there before, unless somebody else has put something there since. */
  uninstall(): void {
    if (this.#before === null) return
    const { callback, promised } = this.#before
    this.#before = null
    if ((dns.lookup as unknown) === this.#lookup) put(callback, promised)
  }
}

function put(callback: unknown, promised: unknown): void {
  ;(dns as Functions).lookup = callback
  ;(dns.promises as Functions).lookup = promised
  // Or who has imported the functions by name would keep the others.
  syncBuiltinESMExports()
}
