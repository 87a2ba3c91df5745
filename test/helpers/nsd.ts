import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Daemon, freePort, pause, peer, temporaryFolder } from './peer.js'
import { askTcp, buildQuery, typeNumber } from './raw-dns.js'

const RICH = new URL('../fixtures/zones/rich.example.zone', import.meta.url)

/** How many hosts load.example has: h0 to h9999. */
export const HOSTS = 10_000

/** A question that a test asks, both ways. */
export interface Question {
  /** Presentation form, with the escapes of RFC 1035. */
  readonly name: string
  readonly type: string
}

/** An nsd of our own on loopback, which serves rich.example and load.example. */
export class Nsd {
  readonly port: number
  readonly #config: string
  readonly #folder: string
  #daemon: Daemon

  private constructor(port: number, folder: string, config: string) {
    this.port = port
    this.#folder = folder
    this.#config = config
    this.#daemon = this.#spawn()
  }

  /** Starts one, and resolves when it answers. A port may be taken between being found free and being bound. */
  static async start(): Promise<Nsd> {
    for (let tries = 1; ; tries++) {
      try {
        return await Nsd.#startOn(await freePort())
      } catch (error) {
        if (tries === 3) throw error
      }
    }
  }

  static async #startOn(port: number): Promise<Nsd> {
    const folder = temporaryFolder('nsd')
    const config = join(folder, 'nsd.conf')
    writeFileSync(config, configuration(port, folder))
    writeZones(folder)
    const nsd = new Nsd(port, folder, config)
    await nsd.#ready()
    return nsd
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Stops it in its tracks (SIGSTOP): it still takes datagrams and connections, and answers none. */
  freeze(): void {
    this.#daemon.signal('SIGSTOP')
  }

  thaw(): void {
    this.#daemon.signal('SIGCONT')
  }

  /** Ends it at once, as a crash would: its port is closed. */
  async kill(): Promise<void> {
    this.#daemon.signal('SIGKILL')
    await this.#daemon.ended()
  }

  /** Starts it again on the same port. */
  async restart(): Promise<void> {
    await this.#daemon.stop()
    for (let tries = 1; ; tries++) {
      this.#daemon = this.#spawn()
      try {
        return await this.#ready()
      } catch (error) {
        // one of the forwarder's sockets may have picked this port, for 10 s at most
        if (tries === 12) throw error
        await pause(1000)
      }
    }
  }

  async stop(): Promise<void> {
    await this.#daemon.stop()
  }

  #spawn(): Daemon {
    const binary = peer('nsd')
    if (binary === null) throw new Error('nsd is not installed')
    return new Daemon(binary, ['-d', '-c', this.#config], { cwd: this.#folder })
  }

  async #ready(): Promise<void> {
    await this.#daemon.until((output) => output.includes('nsd started'))
    const query = buildQuery('load.example', typeNumber('SOA'))
    for (let attempt = 0; attempt < 100; attempt++) {
      const reply = await askTcp(this.port, query, 1000).catch(() => null)
      if (reply !== null && (reply.readUInt8(3) & 0x0f) === 0) return
      await pause(50)
    }
    throw new Error(`nsd does not answer: ${this.#daemon.output}`)
  }
}

function configuration(port: number, folder: string): string {
  return `server:
  ip-address: 127.0.0.1@${port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "${folder}"
  database: ""
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
  pidfile: ""
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
  tcp-count: 400
  ipv4-edns-size: 4096
remote-control:
  control-enable: no
zone:
  name: rich.example
  zonefile: rich.zone
zone:
  name: load.example
  zonefile: load.zone
`
}

/** Writes what nsd serves to a folder, rich.zone and load.zone, for other servers too: without records of types that they cannot read. */
export function writeZones(folder: string, without: readonly string[] = []): void {
  const left = richZone().split('\n').filter((line) => !without.includes(line.split(/\s+/)[1] ?? '')) // prettier-ignore
  writeFileSync(join(folder, 'rich.zone'), left.join('\n'))
  writeFileSync(join(folder, 'load.zone'), loadZone())
}

function richZone(): string {
  const text = (octets: number): string =>
    Array.from({ length: Math.ceil(octets / 100) }, (_, i) => `"${String(i).padStart(99, 'x')}"`).join(' ')
  const rrset = Array.from({ length: 16 }, (_, i) => `big-rrset TXT "${String(i).padStart(230, 'r')}"`).join('\n')
  const huge = Array.from({ length: 240 }, (_, i) => `huge TXT "${String(i).padStart(235, 'h')}"`).join('\n')
  return `${readFileSync(RICH, 'utf8')}\nmedium TXT ${text(1300)}\nbig TXT ${text(4000)}\n${rrset}\n${huge}\n`
}

function loadZone(): string {
  const hosts = Array.from({ length: HOSTS }, (_, i) => `h${i} A 198.18.${i >> 8}.${i & 255}`)
  return `$ORIGIN load.example.\n$TTL 300\n@ SOA ns hostmaster 1 7200 3600 1209600 300\n@ NS ns\nns A 192.0.2.1\n${hosts.join('\n')}\n`
}

/** Every owner and type in the rich zone, and questions that a zone does not list: what is not there, or only below. */
export function richQuestions(): Question[] {
  const listed = new Map<string, Question>()
  for (const line of readFileSync(RICH, 'utf8').split('\n')) {
    const [, owner, type] = /^((?:\\.|[^\s;$\\])+)\s+(?:\d+ )?([A-Z][A-Z0-9]*)\s/.exec(line) ?? []
    if (owner === undefined || type === undefined) continue
    const name = owner === '@' ? 'rich.example' : `${owner}.rich.example`
    listed.set(`${name} ${type}`, { name, type })
  }
  return [...listed.values(), ...OTHERS]
}

const OTHERS: readonly Question[] = [
  { name: 'medium.rich.example', type: 'TXT' },
  { name: 'nowhere.rich.example', type: 'A' },
  { name: 'a.rich.example', type: 'MX' },
  { name: 'a.rich.example', type: 'TYPE65280' },
  { name: 'mixed.rich.example', type: 'ANY' },
  { name: 'cname.rich.example', type: 'A' },
  { name: 'chain.rich.example', type: 'A' },
  { name: 'chain.rich.example', type: 'AAAA' },
  { name: 'dangling.rich.example', type: 'A' },
  { name: 'outside.rich.example', type: 'A' },
  { name: 'x.dname.rich.example', type: 'A' },
  { name: 'anything.wild.rich.example', type: 'A' },
  { name: 'any.thing.wild.rich.example', type: 'TXT' },
  { name: 'any.thing.wild.rich.example', type: 'MX' },
  { name: 'empty.rich.example', type: 'A' },
  { name: 'www.delegated.rich.example', type: 'A' },
  { name: 'delegated.rich.example', type: 'DS' },
  { name: 'RICH.eXaMpLe', type: 'NS' },
  { name: 'uPPer.CASE.rich.example', type: 'A' },
  { name: 'not-served.example', type: 'A' },
]
