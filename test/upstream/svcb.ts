/** SVCB records for tests: what is left out is not there. */
export interface SvcbOptions {
  readonly priority?: number
  readonly target?: string
  readonly alpn?: readonly string[]
  readonly port?: number
  readonly ipv4?: readonly string[]
  readonly dohPath?: string
  readonly ttl?: number
  /** Other parameters, by key. */
  readonly extra?: Readonly<Record<number, Buffer>>
}

/** A record that says so; its target is `dns.example` unless it is given. */
export function svcb({ priority = 1, target = 'dns.example', ttl = 300, ...given }: SvcbOptions) {
  const values: Record<number, Buffer> = { ...given.extra }
  if (given.alpn !== undefined)
    values[1] = Buffer.concat(given.alpn.map((id) => Buffer.from([id.length, ...Buffer.from(id)])))
  if (given.port !== undefined) values[3] = Buffer.from([given.port >> 8, given.port & 255])
  if (given.ipv4 !== undefined) values[4] = Buffer.from(given.ipv4.flatMap((ip) => ip.split('.').map(Number)))
  if (given.dohPath !== undefined) values[7] = Buffer.from(given.dohPath)
  const params = Object.entries(values).map(([key, value]) => ({ key: Number(key), value }))
  return { type: 'SVCB', ttl, data: { priority, target, params } } as const
}
