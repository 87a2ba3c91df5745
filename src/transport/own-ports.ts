/** Protocols whose local ports are kept apart. */
export type Protocol = 'udp' | 'tcp'

const owners: Readonly<Record<Protocol, Map<number, string>>> = { udp: new Map(), tcp: new Map() }

/** Notes that a socket of upstream `owner` is bound to a local port. */
export function claimPort(protocol: Protocol, port: number, owner: string): void {
  owners[protocol].set(port, owner)
}

/** Takes {@link claimPort} back. */
export function releasePort(protocol: Protocol, port: number): void {
  owners[protocol].delete(port)
}

/**
 * Name of the upstream that this process is asking from a local port, or null. A query that reaches our own listener
 * from such a port, and from an address of this machine, is one that we sent ourselves: a loop.
 */
export function ownerOfPort(port: number, protocol: Protocol = 'udp'): string | null {
  return owners[protocol].get(port) ?? null
}
