import { boolean, oneOf, option, text, type OptionValues } from '../base/options.js'

/** PEM text or octets, one or several. */
export type Pem = string | Uint8Array | readonly (string | Uint8Array)[]

/** How a server is authenticated, and who we are to it (the strict profile of RFC 8310). */
export interface TlsOptions {
  /** Certificates of the authorities to trust, in PEM, instead of those that Node trusts. @default Node's */
  readonly ca?: Pem
  /** The name that is asked for (SNI) and that the certificate must cover. @default the host of the upstream's address */
  readonly servername?: string
  /** Cipher suites of TLS 1.2, in OpenSSL's form. @default Node's */
  readonly ciphers?: string
  /** Cipher suites of TLS 1.3, in OpenSSL's form: `TLS_AES_128_GCM_SHA256:…`. @default Node's */
  readonly ciphersuites?: string
  /** The lowest version to speak (RFC 7858, section 3.2). @default 'TLSv1.2' */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** Our own certificate and those between it and its authority, in PEM, for servers that ask for one. */
  readonly cert?: Pem
  /** The key of {@link cert}, in PEM. */
  readonly key?: Pem
  /**
   * Whether a certificate must be valid and cover the server's name. With `false` anybody may be the server, or, where
   * there are {@link pins}, who has a key that is pinned; a warning is emitted. @default true
   */
  readonly rejectUnauthorized?: boolean
  /**
   * SHA-256 digests of public keys (SPKI) in base64, 44 characters each without any prefix (RFC 7858, section 4.2): one
   * in the chain, in which each certificate has signed the one before, must match. @default none
   */
  readonly pins?: readonly string[]
  /**
   * Whether queries go out with the first datagram of a connection that resumes an earlier one, a round trip sooner (0-RTT;
   * RFC 9250, section 4.5). Whoever sees them on their way can send them again, and the server answers twice (RFC 8446,
   * section 8). `doq` alone, and opcode QUERY alone; elsewhere it does nothing. @default false
   */
  readonly earlyData?: boolean
}

/** SHA-256 in base64. */
const PIN = /^[A-Za-z0-9+/]{43}=$/
const PEM = 'PEM text or octets, or an array of them'

/** {@link TlsOptions}, for `nested`. */
export const TLS_OPTIONS = {
  ca: option<Pem | null>(null, PEM, isPem),
  servername: text(),
  ciphers: text(),
  ciphersuites: text(),
  minVersion: oneOf<'TLSv1.2' | 'TLSv1.3'>('TLSv1.2', 'TLSv1.2', 'TLSv1.3'),
  cert: option<Pem | null>(null, PEM, isPem),
  key: option<Pem | null>(null, PEM, isPem),
  rejectUnauthorized: boolean(true),
  pins: option<readonly string[]>(
    [],
    'an array of SHA-256 digests in base64, 44 characters each',
    (v) => Array.isArray(v) && v.every((pin) => typeof pin === 'string' && PIN.test(pin)),
  ),
  earlyData: boolean(false),
}

/** {@link TlsOptions}, read. */
export type ReadTlsOptions = OptionValues<typeof TLS_OPTIONS>

/** How the server of one upstream is authenticated; made once per upstream. */
export interface TlsSettings extends ReadTlsOptions {
  /**
   * What the certificate must cover: a name, by a dNSName, or an IP address, by an iPAddress among its subject alternative
   * names (RFC 8310, section 8.1). A name is also what SNI says.
   */
  readonly identity: string
  /** SHA-256 digests, in hexadecimal, of the TBS parts of certificates, as a DNS stamp has them: one in the verified chain must match. */
  readonly hashes: readonly string[]
}

function isPem(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 && value.every(isOnePem) : isOnePem(value)
}

function isOnePem(value: unknown): boolean {
  return (typeof value === 'string' && value !== '') || value instanceof Uint8Array
}
