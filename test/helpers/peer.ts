import { spawn, type ChildProcess } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Programs that tests compare with or ask from, and the Debian packages that hold them. */
const PACKAGES = {
  nsd: 'nsd',
  'nsd-checkzone': 'nsd',
  dig: 'bind9-dnsutils',
  kdig: 'knot-dnsutils',
  dnsperf: 'dnsperf',
  unbound: 'unbound',
  dnsdist: 'dnsdist',
  named: 'bind9',
  kresd: 'knot-resolver',
  curl: 'curl',
  chromium: 'chromium',
  caddy: 'caddy',
  'redis-server': 'redis-server',
  prometheus: 'prometheus',
  promtool: 'prometheus',
} as const

/** Names of the peers that tests may use. */
export type PeerName = keyof typeof PACKAGES

/** The path of a peer's program, or null where it is not installed. */
export function peer(name: PeerName): string | null {
  for (const folder of [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // looked for in the next folder
    }
  }
  return null
}

/** Why tests that need these peers cannot run here, or null when they can. Put it in the name of what is skipped. */
export function missing(...names: PeerName[]): string | null {
  const absent = names.filter((name) => peer(name) === null)
  if (absent.length === 0) return null
  return `needs ${absent.map((name) => `${name} (Debian: ${PACKAGES[name]})`).join(' and ')}`
}

/** The name of a suite, with the reason when it is skipped. */
export function title(name: string, reason: string | null): string {
  return reason === null ? name : `${name} [skipped: ${reason}]`
}

/** A folder of its own under the system's temporary folder, removed when the process ends. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), `headrace-${prefix}-`))
  atExit.add(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** What is left to clean up if the process ends before a test does it. */
const atExit = new Set<() => void>()
process.once('exit', () => {
  for (const clean of atExit) clean()
})

/** A loopback port that was free for UDP and TCP a moment ago, for programs that cannot pick one themselves. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    // Below those that systems hand out: while a peer is down, a socket of ours must not be given its port.
    const port = 10_000 + Math.floor(Math.random() * 20_000)
    if ((await freeForTcp(port)) && (await freeForUdp(port))) return port
  }
  throw new Error('no port is free for both UDP and TCP')
}

function freeForTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer().once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

/** Whether nobody listens for UDP on a loopback port. */
export function freeForUdp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    socket.once('error', () => resolve(false))
    socket.bind(port, '127.0.0.1', () => socket.close(() => resolve(true)))
  })
}

interface DaemonOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  /** Of this process, to be 3, 4 and so on there. */
  readonly descriptors?: readonly number[]
}

/** A program of somebody else, in a process group of its own, so that a signal reaches its workers too. */
export class Daemon {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #output = ''
  #over = false

  constructor(command: string, args: readonly string[], { descriptors = [], ...options }: DaemonOptions = {}) {
    const stdio = ['ignore', 'pipe', 'pipe', ...descriptors] as const
    this.#child = spawn(command, args, { ...options, detached: true, stdio: [...stdio] })
    const collect = (chunk: Buffer): void => {
      this.#output += chunk.toString('latin1')
    }
    this.#child.stdout?.on('data', collect)
    this.#child.stderr?.on('data', collect)
    this.#ended = new Promise((resolve) => {
      const over = (): void => {
        this.#over = true
        atExit.delete(this.#kill)
        resolve()
      }
      this.#child.once('exit', over).once('error', over)
    })
    atExit.add(this.#kill)
  }

  /** What it has printed so far, both streams. */
  get output(): string {
    return this.#output
  }

  get running(): boolean {
    return !this.#over
  }

  get exitCode(): number | null {
    return this.#child.exitCode
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Sends a signal to the whole group. */
  signal(signal: NodeJS.Signals): void {
    if (this.#over || this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, signal)
    } catch {
      // already gone
    }
  }

  /** Resolves once `ready` holds of the output; rejects when the program ends before that, or after 10 s. */
  async until(ready: (output: string) => boolean): Promise<void> {
    const limit = performance.now() + 10_000
    while (!ready(this.#output)) {
      if (this.#over) throw new Error(`${this.#child.spawnfile} ended early: ${this.#output}`)
      if (performance.now() > limit) throw new Error(`${this.#child.spawnfile} is not ready: ${this.#output}`)
      await pause(20)
    }
  }

  /** Resolves when it has ended. */
  ended(): Promise<void> {
    return this.#ended
  }

  /** Ends it, politely first. */
  async stop(): Promise<void> {
    this.signal('SIGCONT')
    this.signal('SIGTERM')
    const hard = setTimeout(this.#kill, 3000)
    await this.#ended
    clearTimeout(hard)
  }

  readonly #kill = (): void => this.signal('SIGKILL')
}

/** Resolves after real milliseconds: for tests that wait for other programs. */
export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** What a program printed, once it has ended. */
export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, with nothing on its standard input. */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; timeout?: number; shell?: boolean } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, stdout, stderr }))
  })
}
