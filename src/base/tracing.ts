import { channel } from 'node:diagnostics_channel'

/**
 * Where queries and attempts are published for tracing, by `node:diagnostics_channel`: each one's `start` and `end` are given
 * the same object, to which a subscriber may tie a span. Without subscribers the object isn't made.
 */
export const TRACING = {
  /** A query of a `Forwarder`, cache and all. */
  query: { start: channel('headrace:query:start'), end: channel('headrace:query:end') },
  /** An attempt of an `Upstream`, probes among them. */
  attempt: { start: channel('headrace:attempt:start'), end: channel('headrace:attempt:end') },
} as const

/** The start and the end of one kind of thing. */
export type TracedKind = (typeof TRACING)[keyof typeof TRACING]

/** Whether anybody wants to be told of such things. */
export function isTraced({ start, end }: TracedKind): boolean {
  return start.hasSubscribers || end.hasSubscribers
}
