import type { Socket } from 'node:net'
import type { Clock } from '../base/clock.js'
import { withTimeLimit } from '../base/time-limit.js'
import type { DnsError } from '../errors.js'

/** How long is waited for a socket. */
export interface Patience {
  readonly clock: Clock
  /** Clock time after which `late` is the error, in ms. */
  readonly deadline: number
  readonly late: DnsError
  readonly signal: AbortSignal
}

/**
 * Resolves once `socket` emits `event`. Rejects with what ended it, or when patience does; then it is destroyed. From
 * here on it has a listener for errors.
 */
export async function opened(socket: Socket, event: 'connect' | 'secureConnect', patience: Patience): Promise<void> {
  const { clock, deadline, late, signal } = patience
  const stop = (): void => void socket.destroy(new Error('gave up connecting'))
  const done = new Promise<void>((resolve, reject) => {
    const onClose = (): void => reject(socket.errored ?? new Error('the connection was closed'))
    socket.on('error', () => undefined)
    // Only then is the socket gone.
    socket.once('close', onClose)
    socket.once(event, resolve)
    if (socket.closed) onClose()
  })
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    await withTimeLimit(done, Math.max(0, deadline - clock.now()), clock, late)
    if (socket.destroyed) throw socket.errored ?? new Error('the connection was closed')
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
