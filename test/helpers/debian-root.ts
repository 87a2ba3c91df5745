import { accessSync, constants, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Daemon, run, type Ran } from './peer.js'

/** Where `scripts/quic-peers.sh setup` puts what it makes. */
const FOLDER =
  process.env['HEADRACE_PEERS'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'headrace-peers')

/** Programs that speak QUIC, as Debian releases have them, and where they are in {@link FOLDER}. */
const PROGRAMS = {
  'knotd 3.4': 'trixie/usr/sbin/knotd',
  'knotd 3.5': 'forky/usr/sbin/knotd',
  'kdig 3.4': 'trixie/usr/bin/kdig',
  'kdig 3.5': 'forky/usr/bin/kdig',
  'curl 8.14': 'trixie/usr/bin/curl',
  'curl 8.22': 'forky/usr/bin/curl',
  'nginx 1.26': 'trixie/usr/sbin/nginx',
  'nginx 1.30': 'forky/usr/sbin/nginx',
  haproxy: 'forky/usr/sbin/haproxy',
  python: 'trixie/usr/bin/python3',
  'quic-go server': 'bin/doq-server',
  'quic-go client': 'bin/doq-client',
} as const

/** One of those programs. */
export type RootProgram = keyof typeof PROGRAMS

/** Why tests that need these programs cannot run here, or null when they can. */
export function missingPrograms(...names: RootProgram[]): string | null {
  const absent = names.filter((name) => !runs(join(FOLDER, PROGRAMS[name])))
  return absent.length === 0 ? null : `needs ${absent.join(' and ')} (scripts/quic-peers.sh setup)`
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Starts one that stays. */
export function startProgram(name: RootProgram, args: readonly string[], cwd: string): Daemon {
  const { command, before, env } = invocation(name)
  return new Daemon(command, [...before, ...args], { cwd, env })
}

/** Runs one to its end. */
export function runProgram(name: RootProgram, args: readonly string[]): Promise<Ran> {
  const { command, before, env } = invocation(name)
  return run(command, [...before, ...args], { env })
}

interface Invocation {
  readonly command: string
  readonly before: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/** Runs in place, by the loader and the libraries of its own release: chroot would need root, and hide our files from it. */
function invocation(name: RootProgram): Invocation {
  const path = PROGRAMS[name]
  if (path.startsWith('bin/')) return { command: join(FOLDER, path), before: [], env: process.env }
  const root = join(FOLDER, path.slice(0, path.indexOf('/')))
  const libraries = readdirSync(join(root, 'usr/lib')).filter((folder) => folder.endsWith('-linux-gnu'))
  const loader = readdirSync(join(root, 'lib64')).find((file) => file.startsWith('ld-linux'))
  if (loader === undefined) throw new Error(`${root} has no loader`)
  return {
    command: join(root, 'lib64', loader),
    before: ['--library-path', libraries.map((folder) => join(root, 'usr/lib', folder)).join(':'), join(FOLDER, path)],
    env: { ...process.env, PYTHONHOME: join(root, 'usr'), PYTHONDONTWRITEBYTECODE: '1' },
  }
}
