import type { ForwarderOptions } from '../forwarder/forwarder.js'
import type { ServerOptions } from '../server/server.js'
import type { ServiceOptions } from './config.js'
import type { Problems } from './problems.js'

/** A document that is to be read. */
export interface Document {
  readonly text: string
  /** Null where it came from no file. */
  readonly file: string | null
  /** Where names of files in it begin. */
  readonly folder: string
}

/** What a document says, right or wrong. */
export interface Read {
  readonly problems: Problems
  readonly forwarder: ForwarderOptions
  readonly server: ServerOptions
  readonly service: ServiceOptions
}
