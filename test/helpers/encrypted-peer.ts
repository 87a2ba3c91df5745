import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Daemon, freePort, pause, peer, temporaryFolder } from './peer.js'
import { askTcp, buildQuery, rcodeOf, typeNumber } from './raw-dns.js'

/** Servers of others that speak DNS over TLS and over HTTPS. */
export const ENCRYPTED_PEERS = ['dnsdist', 'unbound', 'named', 'kresd'] as const

/** One of {@link ENCRYPTED_PEERS}. */
export type EncryptedPeerName = (typeof ENCRYPTED_PEERS)[number]

/** In PEM. */
export interface Credentials {
  readonly cert: string
  readonly key: string
}

interface Ports {
  readonly plain: number
  readonly tls: number
  readonly https: number
}

/**
 * A forwarder of somebody else's on loopback, in front of the port given, which answers in the clear, over TLS and over
 * HTTPS. It closes connections that were idle for a second, kresd excepted, which has no such option.
 */
export class EncryptedPeer {
  readonly name: EncryptedPeerName
  readonly ports: Ports
  readonly #folder: string
  #daemon: Daemon

  private constructor(name: EncryptedPeerName, ports: Ports, folder: string) {
    this.name = name
    this.ports = ports
    this.#folder = folder
    this.#daemon = this.#spawn()
  }

  /** Starts one, and resolves when it answers. Ports may be taken between being found free and being bound. */
  static async start(name: EncryptedPeerName, upstream: number, credentials: Credentials): Promise<EncryptedPeer> {
    for (let tries = 1; ; tries++) {
      const folder = temporaryFolder(name)
      const ports = { plain: await freePort(), tls: await freePort(), https: await freePort() }
      writeFileSync(join(folder, 'cert.pem'), credentials.cert)
      writeFileSync(join(folder, 'key.pem'), credentials.key)
      writeFileSync(join(folder, 'conf'), PROGRAMS[name].configuration(ports, upstream, folder))
      const made = new EncryptedPeer(name, ports, folder)
      try {
        await made.#ready()
        return made
      } catch (error) {
        await made.stop()
        if (tries === 3) throw error
      }
    }
  }

  /** What it listens on for DNS over TLS or HTTPS, as an upstream is given it. */
  address(scheme: 'tls' | 'https'): string {
    return `${scheme}://127.0.0.1:${this.ports[scheme]}`
  }

  /** Ends it: SIGKILL at once, as a crash would; SIGTERM as an administrator does. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#daemon.signal(signal)
    await this.#daemon.ended()
  }

  /** Starts it again on the same ports. */
  async restart(): Promise<void> {
    await this.#daemon.stop()
    this.#daemon = this.#spawn()
    await this.#ready()
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
  }

  #spawn(): Daemon {
    const binary = peer(this.name)
    if (binary === null) throw new Error(`${this.name} is not installed`)
    return new Daemon(binary, PROGRAMS[this.name].args(join(this.#folder, 'conf'), this.#folder), { cwd: this.#folder })
  }

  async #ready(): Promise<void> {
    const query = buildQuery('h0.load.example', typeNumber('A'))
    for (let attempt = 0; attempt < 100 && this.#daemon.running; attempt++) {
      const reply = await askTcp(this.ports.plain, query, 1000).catch(() => null)
      if (reply !== null && rcodeOf(reply) === 0) return
      await pause(50)
    }
    throw new Error(`${this.name} does not answer: ${this.#daemon.output}`)
  }
}

interface Program {
  configuration(ports: Ports, upstream: number, folder: string): string
  args(file: string, folder: string): readonly string[]
}

const PROGRAMS: Readonly<Record<EncryptedPeerName, Program>> = {
  dnsdist: {
    configuration: ({ plain, tls, https }, upstream) => `
setSecurityPollSuffix("")
setTCPRecvTimeout(1)
setLocal("127.0.0.1:${plain}")
addTLSLocal("127.0.0.1:${tls}", "cert.pem", "key.pem", { maxInFlight = 1000 })
addDOHLocal("127.0.0.1:${https}", "cert.pem", "key.pem", "/dns-query", { idleTimeout = 1 })
newServer({ address = "127.0.0.1:${upstream}", tcpOnly = true, checkInterval = 60 })
`,
    args: (file) => ['--supervised', '--disable-syslog', '-C', file],
  },
  unbound: {
    configuration: ({ plain, tls, https }, upstream, folder) => `
server:
  interface: 127.0.0.1@${plain}
  interface: 127.0.0.1@${tls}
  interface: 127.0.0.1@${https}
  port: ${plain}
  tls-port: ${tls}
  https-port: ${https}
  tls-service-pem: "${folder}/cert.pem"
  tls-service-key: "${folder}/key.pem"
  incoming-num-tcp: 400
  num-queries-per-thread: 4096
  outgoing-range: 4096
  tcp-idle-timeout: 1000
  rrset-roundrobin: no
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
  max-udp-size: 4096
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@${upstream}
`,
    args: (file) => ['-d', '-c', file],
  },
  named: {
    configuration: ({ plain, tls, https }, upstream, folder) => `
tls ours { cert-file "${folder}/cert.pem"; key-file "${folder}/key.pem"; };
http ours { endpoints { "/dns-query"; }; };
options {
  directory "${folder}";
  pid-file none;
  session-keyfile none;
  lock-file none;
  listen-on-v6 { none; };
  listen-on port ${plain} { 127.0.0.1; };
  listen-on port ${tls} tls ours { 127.0.0.1; };
  listen-on port ${https} tls ours http ours { 127.0.0.1; };
  recursion yes;
  dnssec-validation no;
  empty-zones-enable no;
  tcp-clients 400;
  tcp-idle-timeout 10;
  rrset-order { order none; };
  forward only;
  max-records-per-type 0;
  forwarders { 127.0.0.1 port ${upstream}; };
};
controls { };
`,
    args: (file) => ['-g', '-n', '1', '-c', file],
  },
  kresd: {
    configuration: ({ plain, tls, https }, upstream) => `
net.ipv6 = false
net.listen('127.0.0.1', ${plain}, { kind = 'dns' })
net.listen('127.0.0.1', ${tls}, { kind = 'tls' })
net.listen('127.0.0.1', ${https}, { kind = 'doh2' })
net.tls('cert.pem', 'key.pem')
option('REORDER_RR', false)
cache.size = 20 * MB
trust_anchors.remove('.')
modules.unload('ta_update')
policy.add(policy.all(policy.STUB('127.0.0.1@${upstream}')))
`,
    args: (file, folder) => ['-n', '-c', file, folder],
  },
}
