// Starts what a benchmark measures, each in a process of its own, and ends it again.
import { fork, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import dgram from 'node:dgram'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A script of this folder; resolves with its first message once it has sent one. */
export async function start(script, args = [], execArgv = []) {
  const child = fork(new URL(script, import.meta.url), args.map(String), {
    execArgv,
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
  if (variant === 'dnsdist' || variant === 'unbound') return startPeer(variant, ports[0])
  const { child, hello } = await start('stack.mjs', [variant, JSON.stringify(ports)])
  return { port: hello.port, cpu: async () => (await ask(child, 'cpu')).cpu, stop: () => end(child) }
}

const CONFIGURATIONS = {
  dnsdist: (port, upstream) => `
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

async function startPeer(name, upstream) {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-bench-'))
  const file = join(folder, `${name}.conf`)
  const port = await freePort()
  let text = CONFIGURATIONS[name](port, upstream)
  const args = name === 'dnsdist' ? ['--supervised', '--disable-syslog', '-C', file] : ['-d', '-c', file]
  // dnsdist before 1.8 does not know how to size its buffers, and asks for large ones by itself
  if (name === 'dnsdist')
    text = `if setUDPSocketBufferSizes == nil then setUDPSocketBufferSizes = function() end end\n${text}`
  writeFileSync(file, text)
  const child = spawn(program(name), args, { stdio: 'ignore', cwd: folder })
  await answering(port)
  return {
    port,
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

function freePort() {
  return new Promise((resolve) => {
    const socket = dgram.createSocket('udp4')
    socket.bind(0, '127.0.0.1', () => {
      const { port } = socket.address()
      socket.close(() => resolve(port))
    })
  })
}

async function answering(port) {
  const query = Buffer.from('000101000001000000000000037777770765786d616d706c0000010001', 'hex')
  const socket = dgram.createSocket('udp4')
  socket.on('error', () => {})
  let answered = false
  socket.once('message', () => (answered = true))
  for (let attempt = 0; attempt < 100 && !answered; attempt++) {
    socket.send(query, port, '127.0.0.1')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  socket.close()
  if (!answered) throw new Error(`nothing answers on port ${port}`)
}
