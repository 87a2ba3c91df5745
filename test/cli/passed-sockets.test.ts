import assert from 'node:assert/strict'
import { endianness } from 'node:os'
import { describe, test } from 'vitest'
import { passedSockets, type ProcFiles } from '../../src/cli/passed-sockets.js'
import { start } from './stage.js'

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const line = (local: string, inode: number): string =>
  `  100: ${local} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 ${inode} 1 0000 100 0 0 10 0`
/** Words of 32 bits, as the kernel of this machine writes them. */
const words = (hex: string): string =>
  endianness() === 'LE' ? Buffer.from(hex, 'hex').swap32().toString('hex').toUpperCase() : hex

const TABLES: Readonly<Record<string, string>> = {
  '/proc/net/udp': [HEAD, line(`${words('7F000001')}:0035`, 1001), line(`${words('00000000')}:14E9`, 1002)].join('\n'),
  '/proc/net/tcp': [HEAD, line(`${words('7F000001')}:0035`, 1003)].join('\n'),
  '/proc/net/tcp6': [HEAD, line(`${words(`${'0'.repeat(31)}1`)}:0355`, 1004)].join('\n'),
}
const LINKS: Readonly<Record<string, string>> = {
  '/proc/self/fd/3': 'socket:[1001]',
  '/proc/self/fd/4': 'socket:[1003]',
  '/proc/self/fd/5': 'socket:[1004]',
  '/proc/self/fd/6': '/run/fifo',
  '/proc/self/fd/7': 'socket:[4711]',
}
const lookup = (table: Readonly<Record<string, string>>, path: string): string => {
  const found = table[path]
  if (found === undefined) throw new Error(`ENOENT: ${path}`)
  return found
}
const FILES: ProcFiles = { readlink: (path) => lookup(LINKS, path), read: (path) => lookup(TABLES, path) }

describe('sockets that a service manager passes (sd_listen_fds(3))', () => {
  test('are told by transport, address and port; what is no socket of UDP or TCP is told apart', () => {
    assert.deepEqual(passedSockets({ LISTEN_PID: '42', LISTEN_FDS: '6' }, 42, FILES), {
      sockets: [
        { fd: 3, transport: 'udp', address: '127.0.0.1', port: 53 },
        { fd: 4, transport: 'tcp', address: '127.0.0.1', port: 53 },
        { fd: 5, transport: 'tcp', address: '::1', port: 853 },
      ],
      others: [6, 7, 8],
    })
  })

  const nothing = { sockets: [], others: [] }
  for (const [what, env] of [
    ['nobody says so', {}],
    ['they are another process’s', { LISTEN_PID: '41', LISTEN_FDS: '2' }],
    ['there are none', { LISTEN_PID: '42', LISTEN_FDS: '0' }],
    ['their number is none', { LISTEN_PID: '42', LISTEN_FDS: 'two' }],
    ['their number is below 0', { LISTEN_PID: '42', LISTEN_FDS: '-1' }],
  ] as const) {
    test(`are none where ${what}`, () => {
      assert.deepEqual(passedSockets(env, 42, FILES), nothing)
    })
  }

  test('a number that nobody can mean is not believed', () => {
    assert.equal(passedSockets({ LISTEN_PID: '42', LISTEN_FDS: '1000000' }, 42, FILES).others.length, 253)
  })

  test('without /proc none can be used, and each is named', () => {
    const none: ProcFiles = { readlink: (path) => lookup({}, path), read: (path) => lookup({}, path) }
    assert.deepEqual(passedSockets({ LISTEN_PID: '42', LISTEN_FDS: '2' }, 42, none), { sockets: [], others: [3, 4] })
  })

  test('are refused to several workers, which cannot share them', async () => {
    const socket = { fd: 3, transport: 'udp', address: '127.0.0.1', port: 53 } as const
    const running = start(['serve', '-u', '192.0.2.1', '--workers', '2'], { passed: { sockets: [socket], others: [] } })
    assert.equal(await running.code, 2)
    assert.match(running.stderr.text, /several workers cannot share the sockets that the service manager has passed/)
  })
})
