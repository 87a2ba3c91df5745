import type { CancelScope, Clock, Query, Random } from 'headrace'
import type { Outcome, Server } from './server.js'

/** A client waits no longer, in ms. Servers' own time limits may be longer. */
export const PATIENCE = 5000

/** Where a contestant stands: virtual time, servers and numbers of its own. */
export interface Stage {
  readonly clock: Clock
  readonly servers: readonly Server[]
  readonly random: Random
}

/** One way of choosing among servers, running. */
export interface Chooser {
  /** Resolves with whether the client got an answer: a reply that is no SERVFAIL. */
  ask(query: Query): Promise<boolean>
  /** Lets go of everything. */
  close?(): Promise<void>
}

/** One way of choosing among servers. */
export interface Contestant {
  readonly name: string
  /** Whether it is ours, or the published rule of a peer. */
  readonly ours: boolean
  start(stage: Stage): Chooser
}

/** Resolves with what came back from `server` within `timeout` ms, or null; never once `scope` is cancelled. */
export function within(clock: Clock, server: Server, timeout: number, scope?: CancelScope): Promise<Outcome | null> {
  return limited(clock, timeout, scope, (done) => server.send(done))
}

/** As {@link within}, for health alone. */
export function probe(clock: Clock, server: Server, timeout: number): Promise<Outcome | null> {
  return limited(clock, timeout, undefined, (done) => server.probe(done))
}

function limited(
  clock: Clock,
  timeout: number,
  scope: CancelScope | undefined,
  start: (done: (outcome: Outcome) => void) => () => void,
): Promise<Outcome | null> {
  return new Promise((resolve) => {
    const stop = start((outcome) => {
      clock.clearTimeout(timer)
      resolve(outcome)
    })
    const timer = clock.setTimeout(() => {
      stop()
      resolve(null)
    }, timeout)
    scope?.onCancel(() => {
      stop()
      clock.clearTimeout(timer)
    })
  })
}
