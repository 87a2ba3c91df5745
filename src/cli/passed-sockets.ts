import { Buffer } from 'node:buffer'
import { readFileSync, readlinkSync } from 'node:fs'
import { endianness } from 'node:os'
import { canonicalIp } from '../address/ip.js'
import type { InheritedSocket } from '../server/server.js'

/** Number of the first descriptor that is passed (sd_listen_fds(3)). */
const FIRST = 3
/** As many are looked at. */
const MOST = 256
/** Columns of `/proc/net/udp` and its like: the local address, and which socket it is. */
const [LOCAL, INODE] = [1, 9]

/** What a service manager has passed to this process. */
export interface PassedSockets {
  readonly sockets: readonly InheritedSocket[]
  /** Descriptors of what is no socket of UDP or TCP. */
  readonly others: readonly number[]
}

/** Where it is read what is open; tests bring their own. */
export interface ProcFiles {
  readlink(path: string): string
  read(path: string): string
}

const PROC: ProcFiles = { readlink: (path) => readlinkSync(path), read: (path) => readFileSync(path, 'utf8') }
/** Nobody passed anything. */
export const NOTHING: PassedSockets = { sockets: [], others: [] }

/**
 * The sockets that systemd, or who does as it does, has opened for process `pid` (sd_listen_fds(3)). What they are is read
 * from `/proc`: Node has no way to ask a descriptor.
 */
export function passedSockets(env: NodeJS.ProcessEnv, pid: number, files: ProcFiles = PROC): PassedSockets {
  const count = Number(env['LISTEN_FDS'] ?? 0)
  if (env['LISTEN_PID'] !== String(pid) || !Number.isInteger(count) || count < 1) return NOTHING
  const bound = boundSockets(files)
  const sockets: InheritedSocket[] = []
  const others: number[] = []
  for (let fd = FIRST; fd < FIRST + Math.min(count, MOST); fd++) {
    const inode = attempt(() => /^socket:\[(\d+)\]$/.exec(files.readlink(`/proc/self/fd/${fd}`))?.[1])
    const socket = inode === undefined ? undefined : bound.get(inode)
    if (socket === undefined) others.push(fd)
    else sockets.push({ fd, ...socket })
  }
  return { sockets, others }
}

/** Every socket that is bound, by its inode. */
function boundSockets(files: ProcFiles): ReadonlyMap<string, Omit<InheritedSocket, 'fd'>> {
  const found = new Map<string, Omit<InheritedSocket, 'fd'>>()
  for (const transport of ['udp', 'tcp'] as const) {
    for (const table of [transport, `${transport}6`]) {
      const [, ...lines] = (attempt(() => files.read(`/proc/net/${table}`)) ?? '').trim().split('\n')
      for (const line of lines) {
        const columns = line.trim().split(/\s+/)
        const [address, port] = (columns[LOCAL] ?? '').split(':') as [string, string?]
        const [ip, inode] = [ipOf(address), columns[INODE]]
        if (ip !== null && inode !== undefined && port !== undefined)
          found.set(inode, { transport, address: ip, port: parseInt(port, 16) })
      }
    }
  }
  return found
}

/** The IP address of 8 or 32 hexadecimal digits: words of 32 bits in the machine's order of octets. */
function ipOf(digits: string): string | null {
  if (!/^([0-9A-F]{8}|[0-9A-F]{32})$/i.test(digits)) return null
  const octets = Buffer.from(digits, 'hex')
  if (endianness() === 'LE') octets.swap32()
  if (octets.length === 4) return octets.join('.')
  return canonicalIp(Array.from({ length: 8 }, (_, i) => octets.readUInt16BE(2 * i).toString(16)).join(':'))
}

function attempt<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch {
    return undefined
  }
}
