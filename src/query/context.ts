import type { CancelScope } from '../base/cancel.js'
import type { ExchangeContext } from '../exchanger.js'

/** How long a query may take when nobody says, in ms. */
export const DEFAULT_TIMEOUT = 5000

/** A context for a query that nobody has made one for. */
export function defaultContext(now: number, timeout: number = DEFAULT_TIMEOUT): ExchangeContext {
  return { deadline: now + timeout, scope: null, client: null, purpose: 'query', trace: null }
}

/** `ctx` with an earlier end and another scope; the longest attempt is `timeout` where that is a number. */
export function narrow(
  ctx: ExchangeContext,
  deadline: number,
  scope: CancelScope | null,
  timeout: number | undefined,
): ExchangeContext {
  const { client, purpose, trace } = ctx
  const end = Math.min(ctx.deadline, deadline)
  return { deadline: end, scope, client, purpose, trace, timeout }
}
