import { execFile } from 'node:child_process'

/** Tells who started the process how it is: `READY=1`, `RELOADING=1`, `STOPPING=1` (sd_notify(3)). */
export type Notify = (state: string) => void

/**
 * Tells systemd, where it listens. Its socket is one for datagrams, which Node can't open, so `systemd-notify` is run: a unit
 * needs `NotifyAccess=all`.
 */
export function notifySystemd(env: NodeJS.ProcessEnv): Notify {
  if (!env['NOTIFY_SOCKET']) return () => undefined
  let before: Promise<void> = Promise.resolve()
  // In order: the last word counts.
  return (state) => {
    before = before.then(() => new Promise((resolve) => execFile('systemd-notify', [state], { env }, () => resolve())))
  }
}
