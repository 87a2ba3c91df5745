// Starts what a benchmark measures, each in a process of its own, and ends it again.
import { fork, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import dgram from 'node:dgram'
import { createRequire } from 'node:module'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A script of this folder; resolves with its first message once it has sent one. */
export async function start(script, args = [], { execArgv = [], env = {} } = {}) {
  const child = fork(new URL(script, import.meta.url), args.map(String), {
    execArgv,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const hello = await next(child)
  return { child, hello }
}

/** Sends a message and resolves with the next one that comes back. */
export function ask(child, message) {
  const answer = next(child)
  child.send(message)
  return answer
}

function next(child) {
  return new Promise((resolve, reject) => {
    const ended = (code) => reject(new Error(`a benchmark process ended with ${code}`))
    child.once('exit', ended)
    child.once('message', (message) => {
      child.removeListener('exit', ended)
      resolve(message)
    })
  })
}

/** Ends a process and waits for its end. */
export function end(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve()
    child.once('exit', resolve)
    child.kill('SIGKILL')
  })
}

/** Where a program is, or null. */
export function program(name) {
  for (const folder of [...(process.env.PATH ?? '').split(':'), '/usr/sbin']) {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return join(folder, name)
    } catch {
      // looked for in the next folder
    }
  }
  return null
}

/** Why a variant cannot run here, or null. */
export function absent(variant) {
  if (variant === 'dnsdist' || variant === 'unbound')
    return program(variant) === null ? `${variant} is not installed` : null
  if (variant !== 'dns2') return null
  try {
    createRequire(import.meta.url).resolve('dns2')
    return null
  } catch {
    return 'dns2 is not installed (npm install --no-save dns2@2)'
  }
}

/** A forwarder in front of these ports: { port, cpu(), stop() }, cpu being its microseconds of processor time so far. */
export async function startForwarder(variant, ports) {
  if (variant === 'dnsdist' || variant === 'unbound')
    return startPeer(variant, (port) => CONFIGURATIONS[variant](port, ports[0]))
  const { child, hello } = await start('stack.mjs', [variant, JSON.stringify(ports)])
  return { port: hello.port, cpu: async () => (await ask(child, 'cpu')).cpu, stop: () => end(child) }
}

const CONFIGURATIONS = {
  // dnsdist before 1.8 does not know how to size its buffers, and asks for large ones by itself
  dnsdist: (port, upstream) => `
if setUDPSocketBufferSizes == nil then setUDPSocketBufferSizes = function() end end
setSecurityPollSuffix("")
setLocal("127.0.0.1:${port}")
setMaxUDPOutstanding(65535)
setUDPSocketBufferSizes(4194304, 4194304)
newServer({address="127.0.0.1:${upstream}", checkInterval=60})
`,
  unbound: (port, upstream) => `
server:
  interface: 127.0.0.1
  port: ${port}
  num-threads: 1
  do-daemonize: no
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  do-ip6: no
  module-config: "iterator"
  do-not-query-localhost: no
  qname-minimisation: no
  outgoing-range: 4096
  num-queries-per-thread: 4096
  so-rcvbuf: 4m
  local-zone: "example.com." transparent
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${upstream}
`,
}

/**
 * A program that answers on the port that `configure` is given; it returns what stands in its configuration file. A port
 * may be taken between being found free and being bound: so there are three tries.
 */
export async function startPeer(name, configure) {
  for (let tries = 1; ; tries++) {
    const peer = await tryPeer(name, configure)
    if (await answering(peer.port, peer.child)) return peer
    await peer.stop()
    if (tries === 3) throw new Error(`${name} does not answer: ${peer.said()}`)
  }
}

async function tryPeer(name, configure) {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'))
  const file = join(folder, `${name}.conf`)
  const port = await freePort()
  writeFileSync(file, await configure(port))
  const args = name === 'dnsdist' ? ['--supervised', '--disable-syslog', '-C', file] : ['-d', '-c', file]
  const child = spawn(program(name), args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said = (said + chunk).slice(-2000)))
  return {
    port,
    child,
    said: () => said,
    cpu: async () => processorTime(child.pid),
    stop: async () => {
      await end(child)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Microseconds of processor time of a process and its threads (Linux; one tick is 10 ms). */
function processorTime(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10_000
}

/** A port that is free over UDP and TCP. */
export async function freePort() {
  for (;;) {
    const server = net.createServer()
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address()
    const socket = dgram.createSocket('udp4')
    const free = await new Promise((resolve) => {
      socket.once('error', () => resolve(false))
      socket.bind(port, '127.0.0.1', () => resolve(true))
    })
    socket.close()
    await new Promise((resolve) => server.close(resolve))
    if (free) return port
  }
}

/** Whether it answers before it ends and within 10 s. */
async function answering(port, child) {
  const query = Buffer.from('000101000001000000000000037777770765786d616d706c0000010001', 'hex')
  const socket = dgram.createSocket('udp4')
  let answered = false
  socket.on('error', () => {})
  socket.once('message', () => (answered = true))
  for (let tries = 0; tries < 100 && !answered && child.exitCode === null; tries++) {
    socket.send(query, port, '127.0.0.1')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  socket.close()
  return answered
}
