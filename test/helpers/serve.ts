import { fileURLToPath } from 'node:url'
import { Daemon } from './peer.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The built command, which `npm test` makes first. */
export const CLI = `${ROOT}dist/cli/main.js`

/** A `headrace serve` in a process of its own. */
export interface Served {
  readonly port: number
  readonly daemon: Daemon
  stop(): Promise<void>
}

/** Starts `headrace serve` on a loopback port of its choice, and resolves when it listens. `env` is beside this process's. */
export async function serve(
  upstreams: readonly string[],
  more: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
): Promise<Served> {
  const forwardTo = upstreams.flatMap((upstream) => ['-u', upstream])
  const daemon = new Daemon(process.execPath, [CLI, 'serve', '-l', '127.0.0.1:0', ...forwardTo, ...more], {
    env: { ...process.env, ...env },
  })
  return listening(daemon)
}

/** A script of this folder in a process of its own, which prints the address that it listens on. */
export async function startScript(name: string, args: readonly string[]): Promise<Served> {
  return listening(new Daemon(process.execPath, [`${ROOT}test/helpers/${name}`, ...args], { cwd: ROOT }))
}

async function listening(daemon: Daemon): Promise<Served> {
  const address = /127\.0\.0\.1:([1-9]\d*)/
  await daemon.until((output) => address.test(output))
  return { port: Number(address.exec(daemon.output)?.[1]), daemon, stop: () => daemon.stop() }
}
