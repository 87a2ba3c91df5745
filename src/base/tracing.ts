import { channel, type Channel } from 'node:diagnostics_channel'

/** The start and the end of one kind of thing. */
export interface TracedKind {
  readonly start: Channel
  readonly end: Channel
}

/**
 * Where queries and attempts are published for tracing, by `node:diagnostics_channel`: each one's `start` and `end` are given
 * the same object, to which a subscriber may tie a span. Without subscribers the object isn't made.
 */
export const TRACING: { readonly query: TracedKind; readonly attempt: TracedKind } = {
  /** A query of a `Forwarder`, cache and all. */
  query: { start: channel('headrace:query:start'), end: channel('headrace:query:end') },
  /** An attempt of an `Upstream`, probes among them. */
  attempt: { start: channel('headrace:attempt:start'), end: channel('headrace:attempt:end') },
}

/** Whether anybody wants to be told of such things. */
export function isTraced({ start, end }: TracedKind): boolean {
  return start.hasSubscribers || end.hasSubscribers
}
