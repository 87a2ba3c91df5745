import { systemClock, type Clock } from '../base/clock.js'
import { duration, option, parsed, reject } from '../base/options.js'
import type { StatusActions } from './source.js'

/** Options of a status page. */
export interface StatusOptions {
  /**
   * At least 16 characters; lets in who isn't on this machine, and is what actions need. @default none: nobody else may look, and
   * there are no actions
   */
  readonly token?: string
  /** Names that the page may be asked for by, beside `localhost` and IP addresses. @default [] */
  readonly hosts?: readonly string[]
  /** From one sample to the next, in ms, from 250. @default 2000 */
  readonly interval?: number
  /** What is done for the token's owner; false: nothing. @default for objects: forcing upstreams, flushing caches */
  readonly actions?: StatusActions | false
  /** @default real time */
  readonly clock?: Clock
}

/** The least that a token must be long: one that can be guessed is none. */
const MIN_TOKEN = 16

export const STATUS_OPTIONS = {
  token: parsed<string | null>(null, readToken),
  hosts: option<readonly string[]>(
    [],
    'an array of names',
    (v) => Array.isArray(v) && v.every((name) => typeof name === 'string' && name !== ''),
  ),
  interval: duration(2000, 250, 60_000),
  actions: option<StatusActions | false | null>(
    null,
    'an object with force() and flush(), or false',
    (v) => v === false || (typeof v === 'object' && v !== null && 'force' in v && 'flush' in v),
  ),
  clock: option<Clock>(systemClock, 'a Clock', (v) => typeof v === 'object' && v !== null && 'now' in v),
}

/** The token itself is shown to nobody. */
function readToken(given: unknown, owner: string, name: string): string {
  const allowed = `a string of at least ${MIN_TOKEN} characters without spaces`
  if (typeof given !== 'string') return reject(owner, name, given, allowed)
  if (given.length < MIN_TOKEN || !/^[!-~]+$/.test(given)) return reject(owner, name, '…', allowed)
  return given
}
