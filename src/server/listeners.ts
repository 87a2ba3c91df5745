import { canonicalIp } from '../address/ip.js'
import { show } from '../base/options.js'
import { DnsError } from '../errors.js'
import { hostPort, type ListenAddress } from './listen-address.js'
import type { InheritedSocket } from './options.js'
import type { QuicAcceptor } from './quic-acceptor.js'
import type { QuicListener } from './quic-listener.js'
import { TcpListener, type TcpAcceptor } from './tcp-listener.js'
import { UdpListener, type UdpOwner } from './udp-listener.js'

/** How often a port that is free for UDP is looked for anew when TCP turns out to use it. */
const TRIES = 20
/** What the system says when there is no IPv6. */
const NO_SUCH_FAMILY: ReadonlySet<string> = new Set(['EAFNOSUPPORT', 'EADDRNOTAVAIL'])
const ADVICE: ReadonlyMap<string, string> = new Map([
  ['EADDRINUSE', 'it is in use: stop what listens there, or take another port; port 0 is one that is free'],
  [
    'EACCES',
    'permission denied: a port below 1024 needs privileges (CAP_NET_BIND_SERVICE on Linux); take one such as 5353',
  ],
  ['EADDRNOTAVAIL', 'this machine has no such address'],
  ['EAFNOSUPPORT', 'this machine does not speak this IP version'],
  ['EMFILE', 'too many files are open: raise the limit (ulimit -n)'],
])

/** What has been opened. */
export type Listener = UdpListener | TcpListener | QuicListener

/** Addresses where something encrypted is listened for. */
export interface EncryptedPlace {
  readonly addresses: readonly ListenAddress[]
  /** Who takes what comes over TCP; null: nobody. */
  readonly tls: (TcpAcceptor & { readonly transport: 'tls' | 'https' }) | null
  /** Who takes what comes over UDP, on the same ports where both are there; null: nobody. */
  readonly quic: QuicAcceptor | null
}

/** What is to be opened. */
export interface Places {
  /** Over UDP and TCP each, on the same port. */
  readonly plain: readonly ListenAddress[]
  readonly owner: UdpOwner & TcpAcceptor
  readonly encrypted: readonly EncryptedPlace[]
  readonly reusePort: boolean
}

/** An address with what is open there. */
export interface OpenPlace {
  /** What was asked for, which port 0 is not told from what was got by. */
  readonly key: string
  /** None: the address may be missing, and is. */
  readonly listeners: readonly Listener[]
  /** Who takes the connections; null: whoever does already. */
  readonly place: EncryptedPlace | null
}

/**
 * Opens every address that `held` doesn't have open already, by a socket of `inherited` where there is one for it; when one
 * can't be, none of those stays open.
 *
 * @throws {DnsError} ERR_DNS_LISTEN, saying which address, why, and what to do; `cause` is the system's error
 */
export async function openListeners(
  places: Places,
  held: readonly OpenPlace[] = [],
  inherited: readonly InheritedSocket[] = [],
): Promise<readonly OpenPlace[]> {
  const left = [...held]
  const opened: OpenPlace[] = []
  const means: Means = { reusePort: places.reusePort, inherited }
  const open = async (what: Wanted): Promise<OpenPlace> => {
    const { key, place } = what
    const at = left.findIndex((place) => place.key === key && place.listeners.length > 0)
    if (at >= 0) return { key, listeners: left.splice(at, 1)[0]!.listeners, place }
    const made = { key, listeners: await what.open(means), place }
    opened.push(made)
    return made
  }
  try {
    const all: OpenPlace[] = []
    for (const what of wanted(places)) all.push(await open(what))
    return all
  } catch (error) {
    await closeListeners(opened.flatMap(({ listeners }) => listeners))
    throw error
  }
}

/** How sockets come about. */
interface Means {
  readonly reusePort: boolean
  readonly inherited: readonly InheritedSocket[]
}

interface Wanted {
  readonly key: string
  readonly place: EncryptedPlace | null
  open(means: Means): Promise<readonly Listener[]>
}

function* wanted({ plain, owner, encrypted }: Places): Iterable<Wanted> {
  for (const address of plain) {
    const key = `plain ${hostPort(address.host, address.port)}`
    yield { key, place: null, open: (means) => openPair(address, owner, means) }
  }
  for (const place of encrypted) {
    const what = [place.tls?.transport, place.quic?.service.transport].filter((name) => name !== undefined).join('+')
    for (const address of place.addresses) {
      const key = `${what} ${hostPort(address.host, address.port)}`
      yield { key, place, open: (means) => openEncrypted(address, place, means) }
    }
  }
}

/** Those who connect from now on are taken by whom the place says. */
export function handOver({ listeners, place }: OpenPlace): void {
  if (place === null) return
  for (const listener of listeners) {
    if (listener instanceof TcpListener) listener.handTo(place.tls!)
    else if ('handTo' in listener) listener.handTo(place.quic!)
  }
}

/** Stops listening; resolves when no socket and no connection is left. */
export async function closeListeners(listeners: readonly Listener[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()))
}

/** None: the address may be missing, and is. */
async function openPair(
  address: ListenAddress,
  owner: UdpOwner & TcpAcceptor,
  means: Means,
): Promise<readonly Listener[]> {
  for (let left = TRIES; ; left--) {
    const udp = new UdpListener(owner, address.family, means.reusePort)
    const tcp = new TcpListener('tcp', owner)
    let transport = 'udp'
    try {
      await udp.bind(address, descriptor(means, 'udp', address))
      transport = 'tcp'
      await listenTcp(tcp, address, udp.port, means)
      return [udp, tcp]
    } catch (error) {
      await udp.close()
      // The port was free for UDP only.
      if (address.port === 0 && codeOf(error) === 'EADDRINUSE' && left > 1) continue
      return missing(address, transport, error)
    }
  }
}

async function openEncrypted(
  address: ListenAddress,
  { tls, quic }: EncryptedPlace,
  means: Means,
): Promise<readonly Listener[]> {
  if (quic !== null) return openQuic(address, tls, quic, means)
  try {
    return await openTls(address, tls, address.port, means)
  } catch (error) {
    return missing(address, tls?.transport ?? '', error)
  }
}

async function openQuic(
  address: ListenAddress,
  tls: EncryptedPlace['tls'],
  quic: QuicAcceptor,
  means: Means,
): Promise<readonly Listener[]> {
  for (let left = TRIES; ; left--) {
    const { QuicSocket } = await import('./quic-listener.js')
    const socket = new QuicSocket(address.family, means.reusePort)
    let transport: string = quic.service.transport
    try {
      await socket.bind(address, descriptor(means, 'udp', address))
      transport = tls?.transport ?? transport
      const streams = await openTls(address, tls, socket.port, means)
      return [...streams, await quic.listen(socket)]
    } catch (error) {
      await socket.close()
      // The port was free for UDP only.
      if (address.port === 0 && codeOf(error) === 'EADDRINUSE' && left > 1) continue
      return missing(address, transport, error)
    }
  }
}

/** None where nobody takes what comes over TCP. Rejects with the system's error. */
async function openTls(
  address: ListenAddress,
  tls: EncryptedPlace['tls'],
  port: number,
  means: Means,
): Promise<readonly TcpListener[]> {
  if (tls === null) return []
  const listener = new TcpListener(tls.transport, tls)
  await listenTcp(listener, address, port, means)
  return [listener]
}

function listenTcp(listener: TcpListener, address: ListenAddress, port: number, means: Means): Promise<void> {
  return listener.listen(address, port, means.reusePort, descriptor(means, 'tcp', { ...address, port }))
}

/** The socket that is open there already, or null. */
function descriptor({ inherited }: Means, transport: 'udp' | 'tcp', { host, port }: ListenAddress): number | null {
  const isThere = (one: InheritedSocket): boolean =>
    one.transport === transport && canonicalIp(one.address) === canonicalIp(host) && one.port === port
  return inherited.find(isThere)?.fd ?? null
}

/** @throws {DnsError} ERR_DNS_LISTEN, unless the address may be missing */
function missing(address: ListenAddress, transport: string, cause: unknown): readonly [] {
  const code = codeOf(cause)
  if (address.optional && NO_SUCH_FAMILY.has(code)) return []
  throw cannotListen(address, transport, code, cause)
}

function cannotListen({ host, port }: ListenAddress, transport: string, code: string, cause: unknown): DnsError {
  const why = ADVICE.get(code) ?? (cause instanceof Error ? cause.message : show(cause))
  return new DnsError('ERR_DNS_LISTEN', `cannot listen on ${hostPort(host, port)} over ${transport}: ${why}`, { cause })
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : ''
}
