// Two network namespaces with a pair of interfaces between them: `f` holds the forwarder and its clients, `u` the
// upstreams. Their names carry our process ID, so that two labs do not meet.
import { execFileSync } from 'node:child_process'

/** The namespaces. */
export const SPACES = { f: `headrace-f-${process.pid}`, u: `headrace-u-${process.pid}` }
/** Addresses of the upstreams. */
export const UPSTREAMS = ['10.99.0.2', '10.99.0.3']

/** Why there can be no lab here, or null. */
export function obstacle() {
  if (process.platform !== 'linux') return 'network namespaces are a matter of Linux'
  if (process.getuid() !== 0) return 'it needs root'
  try {
    build()
    drop('u', '-d', UPSTREAMS[0], '-p', 'udp', '-m', 'statistic', '--mode', 'random', '--probability', '0.2')
    clear()
    return null
  } catch (error) {
    return `ip netns or iptables does not work: ${String(error.stderr || error.message).trim()}`
  } finally {
    tearDown()
  }
}

/** Makes the namespaces, without any fault. */
export function build() {
  const { f, u } = SPACES
  for (const space of [f, u]) ip('netns', 'add', space)
  ip('link', 'add', 'v0', 'netns', f, 'type', 'veth', 'peer', 'name', 'v1', 'netns', u)
  ip('-n', f, 'addr', 'add', '10.99.0.1/24', 'dev', 'v0')
  for (const address of UPSTREAMS) ip('-n', u, 'addr', 'add', `${address}/24`, 'dev', 'v1')
  for (const [space, link] of [
    [f, 'v0'],
    [u, 'v1'],
  ]) {
    ip('-n', space, 'link', 'set', 'lo', 'up')
    ip('-n', space, 'link', 'set', link, 'up')
  }
}

/** Takes everything away again, whatever there is of it. */
export function tearDown() {
  for (const space of Object.values(SPACES)) {
    try {
      ip('netns', 'del', space)
    } catch {
      // It was never made.
    }
  }
}

/** Drops what arrives in `space` and matches. Never on the way out, where the sender would be told (EPERM). */
export function drop(space, ...match) {
  rule(space, '-A', 'INPUT', ...match, '-j', 'DROP')
}

/** Takes the rules of both namespaces away. */
export function clear() {
  for (const space of ['f', 'u']) {
    rule(space, '-F')
    rule(space, '-t', 'mangle', '-F')
  }
}

/** Loses `share` of the UDP datagrams in each direction (F1). */
export function loseUdp(share) {
  const random = ['-m', 'statistic', '--mode', 'random', '--probability', String(share)]
  drop('u', '-p', 'udp', '--dport', '53', ...random)
  drop('f', '-i', 'v0', '-p', 'udp', '--sport', '53', ...random)
}

/** Swallows everything for one upstream (F6). */
export function blackhole(address) {
  for (const protocol of ['udp', 'tcp']) drop('u', '-d', address, '-p', protocol, '--dport', '53')
}

/** Delivers every query and every reply twice (F4). Returns whether this kernel can. */
export function duplicate() {
  try {
    for (const address of UPSTREAMS)
      rule(
        'u',
        '-t',
        'mangle',
        '-A',
        'PREROUTING',
        '-i',
        'v1',
        '-d',
        address,
        '-p',
        'udp',
        '--dport',
        '53',
        '-j',
        'TEE',
        '--gateway',
        address,
      )
    rule(
      'f',
      '-t',
      'mangle',
      '-A',
      'PREROUTING',
      '-i',
      'v0',
      '-p',
      'udp',
      '--sport',
      '53',
      '-j',
      'TEE',
      '--gateway',
      '10.99.0.1',
    )
    return true
  } catch {
    return false
  }
}

function rule(space, ...args) {
  ip('netns', 'exec', SPACES[space], 'iptables', '-w', ...args)
}

function ip(...args) {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: 10_000 })
}
