import type { ForwarderOptions } from '../forwarder/forwarder.js'
import type { ServerOptions } from '../server/server.js'

/** Whose documents can be read. `dns-proxy` is INI, `lazydns` and `dnsdist` are YAML, `toml` is ours and Ferrous DNS's. */
export type ConfigFormat = 'toml' | 'json' | 'dns-proxy' | 'lazydns' | 'dnsdist'

/** Something in a document that is wrong, or that does less than its author may think. */
export interface ConfigProblem {
  /** `null` where the text came from no file. */
  readonly file: string | null
  /** Both from 1. */
  readonly line: number
  readonly column: number
  /** The option, dotted, such as `dns.pools[0].strategy`; '' for the document as a whole. */
  readonly path: string
  /** What is wrong and what is allowed, in one line. */
  readonly message: string
}

/** What `headrace serve` does beside forwarding. */
export interface ServiceOptions {
  /** Where the status page is served, such as `127.0.0.1:8053`; null: nowhere. */
  readonly status: string | null
  /** Where OpenMetrics text is served; null: nowhere, though the status page has it too. */
  readonly metrics: string | null
  /** What logs look like: `auto` is human on a terminal, JSON lines otherwise. */
  readonly logFormat: 'auto' | 'human' | 'json'
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
  /** Processes that share the listeners; 0: one for each processor. */
  readonly workers: number
}

/** A document, read: plain data for `new Forwarder(…)` and `createServer(…)`. */
export interface Config {
  readonly format: ConfigFormat
  readonly file: string | null
  /** Pure data: members are addresses, or objects with `addr` and the options of an `Upstream`. */
  readonly forwarder: ForwarderOptions
  readonly server: ServerOptions
  readonly service: ServiceOptions
  readonly warnings: readonly ConfigProblem[]
}
