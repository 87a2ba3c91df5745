/** What a DNS stamp is made of (dnscrypt.info/stamps-specifications). */
export interface StampParts {
  readonly protocol: 0 | 2 | 3
  readonly address: string
  readonly host?: string
  readonly hashes?: readonly string[]
  readonly path?: string
  readonly bootstrap?: readonly string[]
}

/** A stamp in its text form. */
export function stamp({
  protocol,
  address,
  host = '',
  hashes = [],
  path = '/dns-query',
  bootstrap = [],
}: StampParts): string {
  const parts = [Buffer.from([protocol, 0, 0, 0, 0, 0, 0, 0, 0]), short(Buffer.from(address))]
  if (protocol !== 0) parts.push(set(hashes.map((hash) => Buffer.from(hash, 'hex'))), short(Buffer.from(host)))
  if (protocol === 2) parts.push(short(Buffer.from(path)))
  if (bootstrap.length > 0) parts.push(set(bootstrap.map((text) => Buffer.from(text))))
  return `sdns://${Buffer.concat(parts).toString('base64url')}`
}

function short(octets: Buffer): Buffer {
  return Buffer.from([octets.length, ...octets])
}

function set(items: readonly Buffer[]): Buffer {
  if (items.length === 0) return Buffer.from([0])
  return Buffer.concat(items.map((item, i) => Buffer.from([item.length | (i < items.length - 1 ? 0x80 : 0), ...item])))
}
