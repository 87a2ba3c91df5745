import type { Clock } from '../base/clock.js'
import type { Notify } from './notify.js'
import type { PassedSockets } from './passed-sockets.js'
import type { WorkerLink } from './worker-signals.js'

/** Everything that a command uses of the process, so that tests can bring their own. */
export interface CommandContext {
  /** Arguments after the command's own name. */
  readonly args: readonly string[]
  readonly stdout: Output
  readonly stderr: Output
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signals: SignalSource
  /** Addresses of the resolvers that the system uses. */
  readonly systemServers: () => readonly string[]
  /** What is typed: called by who wants it alone, since looking at the process's own opens it. */
  readonly stdin?: () => Keys
  /** @default real time */
  readonly clock?: Clock
  /** Told how the process is; @default nobody is */
  readonly notify?: Notify
  /** What the service manager has opened for us; @default nothing */
  readonly passed?: PassedSockets
  /** Set in a worker: the process that started it. */
  readonly worker?: WorkerLink | null
}

/** Where text goes. */
export interface Output {
  write(text: string): unknown
  /** Whether somebody sees it on a terminal, which is so large. */
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

/** What is typed, key by key where it is a terminal. */
export interface Keys {
  readonly isTTY?: boolean
  setRawMode?(raw: boolean): unknown
  on(event: 'data', listener: (keys: Buffer) => void): unknown
  removeListener(event: 'data', listener: (keys: Buffer) => void): unknown
  pause(): unknown
}

/** The signals that commands listen to. */
export type SignalName = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** Where signals come from. */
export interface SignalSource {
  on(signal: SignalName, listener: () => void): unknown
  removeListener(signal: SignalName, listener: () => void): unknown
}

/** Runs one command; resolves with its exit code. Rejects with {@link UsageError} or a DnsError for what it can't do. */
export type Command = (context: CommandContext) => Promise<number>

/** The arguments don't make sense; the message says which and what would. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Exit codes of the command. */
export const EXIT = Object.freeze({
  OK: 0,
  /** It could not be done. */
  FAILED: 1,
  /** The arguments are wrong. */
  USAGE: 2,
  /** No upstream replied; the code that dig has for it. */
  NO_REPLY: 9,
} as const)

export { version } from '../base/version.js'
