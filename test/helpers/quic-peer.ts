import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { missingPrograms, startProgram } from './debian-root.js'
import type { Credentials } from './encrypted-peer.js'
import { writeZones } from './nsd.js'
import { Daemon, freeForUdp, freePort, missing, pause, peer, temporaryFolder } from './peer.js'
import { askTcp, buildQuery, rcodeOf, typeNumber } from './raw-dns.js'

/** Servers of others that speak DNS over QUIC. */
export const DOQ_PEERS = ['knotd 3.4', 'knotd 3.5', 'quic-go', 'aioquic'] as const
/** Servers of others that speak HTTP/3. */
export const H3_PEERS = ['caddy', 'nginx 1.26', 'nginx 1.30', 'haproxy', 'aioquic'] as const

/** One of {@link DOQ_PEERS}. */
export type DoqPeerName = (typeof DOQ_PEERS)[number]
/** One of {@link H3_PEERS}. */
export type H3PeerName = (typeof H3_PEERS)[number]

/** What stands behind such a server; knotd serves the zones itself. */
export interface Behind {
  /** Loopback port of a DNS server. */
  readonly dns: number
  /** Loopback port of a {@link DohBackend} in front of the same server. */
  readonly doh: number
  readonly credentials: Credentials
}

/** Why tests that need this server cannot run here, or null when they can. */
export function missingQuicPeer(scheme: 'doq' | 'h3', name: DoqPeerName | H3PeerName): string | null {
  return missing('nsd') ?? programOf(scheme, name).absent()
}

/**
 * How many queries it may have to answer at once. knotd answers nothing more on a connection that has twenty, and now and then
 * none with ten, whoever the client is; one of its connections gets 1,024 in its life.
 */
export function widthOf(name: DoqPeerName | H3PeerName): number {
  return name.startsWith('knotd') ? 3 : 50
}

/** A server of somebody else's on loopback, which answers over QUIC what nsd answers. */
export class QuicPeer {
  readonly name: string
  /** The loopback port of QUIC. */
  readonly port: number
  /** The loopback port that gives the same replies over TCP. */
  readonly straight: number
  readonly #scheme: 'doq' | 'h3'
  readonly #start: () => Daemon
  #daemon: Daemon

  private constructor(scheme: 'doq' | 'h3', name: string, ports: Ports, straight: number, start: () => Daemon) {
    this.name = name
    this.port = ports.quic
    this.straight = straight
    this.#scheme = scheme
    this.#start = start
    this.#daemon = start()
  }

  /** Starts a server of DNS over QUIC, and resolves when it answers. */
  static doq(name: DoqPeerName, behind: Behind): Promise<QuicPeer> {
    return QuicPeer.#make('doq', name, behind)
  }

  /** Starts a server of HTTP/3, and resolves when it listens. */
  static h3(name: H3PeerName, behind: Behind): Promise<QuicPeer> {
    return QuicPeer.#make('h3', name, behind)
  }

  // Ports may be taken between being found free and being bound.
  static async #make(scheme: 'doq' | 'h3', name: DoqPeerName | H3PeerName, behind: Behind): Promise<QuicPeer> {
    const program = programOf(scheme, name)
    for (let tries = 1; ; tries++) {
      const folder = temporaryFolder('quic-peer')
      const ports = { quic: await freePort(), tcp: await freePort() }
      writeFileSync(join(folder, 'cert.pem'), behind.credentials.cert)
      writeFileSync(join(folder, 'key.pem'), behind.credentials.key)
      writeFileSync(join(folder, 'both.pem'), behind.credentials.cert + behind.credentials.key)
      const start = (): Daemon => program.start(ports, behind, folder)
      const made = new QuicPeer(scheme, name, ports, program.servesItself ? ports.tcp : behind.dns, start)
      try {
        await made.#ready()
        return made
      } catch (error) {
        await made.stop()
        if (tries === 3) throw error
      }
    }
  }

  /** As an upstream is given it. */
  get address(): string {
    return `${this.#scheme}://127.0.0.1:${this.port}`
  }

  /** What it has printed since it was started last. */
  get output(): string {
    return this.#daemon.output
  }

  /** Ends it: SIGKILL at once, as a crash would; SIGTERM as an administrator does. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#daemon.signal(signal)
    const hard = setTimeout(() => this.#daemon.signal('SIGKILL'), 3000)
    await this.#daemon.ended()
    clearTimeout(hard)
  }

  /** Starts it again on the same port. */
  async restart(): Promise<void> {
    await this.#daemon.stop()
    this.#daemon = this.#start()
    await this.#ready()
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
  }

  async #ready(): Promise<void> {
    const query = buildQuery('h0.load.example', typeNumber('A'))
    for (let attempt = 0; attempt < 200 && this.#daemon.running; attempt++) {
      const reply = await askTcp(this.straight, query, 1000).catch(() => null)
      if (reply !== null && rcodeOf(reply) === 0 && !(await freeForUdp(this.port))) return
      await pause(50)
    }
    throw new Error(`${this.name} does not answer: ${this.#daemon.output}`)
  }
}

interface Ports {
  readonly quic: number
  readonly tcp: number
}

interface Program {
  /** Why it cannot be run here, or null. */
  absent(): string | null
  /** Whether it has the zones, and gives them over `ports.tcp` too. */
  readonly servesItself?: boolean
  start(ports: Ports, behind: Behind, folder: string): Daemon
}

function programOf(scheme: 'doq' | 'h3', name: DoqPeerName | H3PeerName): Program {
  switch (name) {
    case 'knotd 3.4':
    case 'knotd 3.5':
      return knotd(name)
    case 'nginx 1.26':
    case 'nginx 1.30':
      return nginx(name)
    case 'aioquic':
      return aioquic(scheme)
    case 'quic-go':
      return QUIC_GO
    case 'haproxy':
      return HAPROXY
    case 'caddy':
      return CADDY
    default:
      return name satisfies never
  }
}

const UNREAD_BY_KNOT = ['X25', 'ISDN', 'PX', 'NSAP', 'WKS', 'MB', 'MG', 'MR']

function knotd(name: 'knotd 3.4' | 'knotd 3.5'): Program {
  const configuration = ({ quic, tcp }: Ports, folder: string): string => `
server:
  rundir: "${folder}"
  listen: 127.0.0.1@${tcp}
  listen-quic: 127.0.0.1@${quic}
  cert-file: "${folder}/cert.pem"
  key-file: "${folder}/key.pem"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  quic-max-clients: 128
  quic-idle-close-timeout: 2s
database:
  storage: "${folder}"
log:
  - target: stderr
    any: info
zone:
  - domain: rich.example
    file: "${folder}/rich.zone"
    semantic-checks: off
  - domain: load.example
    file: "${folder}/load.zone"
`
  return {
    absent: () => missingPrograms(name),
    servesItself: true,
    start: (ports, _, folder) => {
      writeZones(folder, UNREAD_BY_KNOT)
      writeFileSync(join(folder, 'conf'), configuration(ports, folder))
      return startProgram(name, ['-c', join(folder, 'conf')], folder)
    },
  }
}

function aioquic(scheme: 'doq' | 'h3'): Program {
  const script = fileURLToPath(new URL('../fixtures/python/quic-server.py', import.meta.url))
  return {
    absent: () => missingPrograms('python'),
    start: ({ quic }, { dns }, folder) =>
      startProgram('python', [script, scheme, `${quic}`, 'cert.pem', 'key.pem', `${dns}`], folder),
  }
}

const QUIC_GO: Program = {
  absent: () => missingPrograms('quic-go server'),
  start: ({ quic }, { dns }, folder) => {
    const places = ['-listen', `127.0.0.1:${quic}`, '-upstream', `127.0.0.1:${dns}`]
    const limits = ['-idle', '2s', '-retry', '-reset', 'who starts again tells old peers.']
    return startProgram('quic-go server', [...places, '-cert', 'cert.pem', '-key', 'key.pem', ...limits], folder)
  },
}

/** Retry is on, and it ends a connection by GOAWAY after 400 requests. */
function nginx(name: 'nginx 1.26' | 'nginx 1.30'): Program {
  const folders = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path t;`).join(' ')
  const configuration = (quic: number, doh: number): string => `
daemon off;
worker_processes 1;
pid pid;
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 512; }
http {
  access_log off;
  ${folders}
  upstream backend { server 127.0.0.1:${doh}; keepalive 16; }
  server {
    listen 127.0.0.1:${quic} quic;
    http3 on;
    quic_retry on;
    ssl_certificate cert.pem;
    ssl_certificate_key key.pem;
    keepalive_requests 400;
    keepalive_timeout 2s;
    location / { proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}
`
  return {
    absent: () => missingPrograms(name),
    start: ({ quic }, { doh }, folder) => {
      writeFileSync(join(folder, 'conf'), configuration(quic, doh))
      return startProgram(name, ['-p', folder, '-c', 'conf', '-e', 'stderr'], folder)
    },
  }
}

const HAPROXY: Program = {
  absent: () => missingPrograms('haproxy'),
  start: ({ quic }, { doh }, folder) => {
    const configuration = `
global
  nbthread 1
defaults
  mode http
  timeout client 2s
  timeout server 10s
  timeout connect 5s
frontend ours
  bind quic4@127.0.0.1:${quic} ssl crt ${folder}/both.pem alpn h3
  default_backend theirs
backend theirs
  server only 127.0.0.1:${doh}
`
    writeFileSync(join(folder, 'conf'), configuration)
    return startProgram('haproxy', ['-db', '-f', join(folder, 'conf')], folder)
  },
}

const CADDY: Program = {
  absent: () => missing('caddy'),
  start: ({ quic, tcp }, { doh }, folder) => {
    const configuration = `
{
  admin off
  auto_https off
  https_port ${quic}
  http_port ${tcp}
  servers {
    protocols h1 h2 h3
    timeouts {
      idle 2s
    }
  }
}
https://localhost:${quic}, https://127.0.0.1:${quic} {
  bind 127.0.0.1
  tls ${folder}/cert.pem ${folder}/key.pem
  reverse_proxy http://127.0.0.1:${doh}
}
`
    writeFileSync(join(folder, 'Caddyfile'), configuration)
    const env = { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }
    return new Daemon(peer('caddy')!, ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile'], { cwd: folder, env })
  },
}
