import { createHash, X509Certificate } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { checkServerIdentity, type DetailedPeerCertificate, type PeerCertificate, type TLSSocket } from 'node:tls'
import { certificatesOf, nodesRoots } from '../quic/pem.js'
import type { TlsSettings } from './tls-options.js'

/** Names that an error lists, characters. */
const MAX_NAMES = 200

/** The server's own certificate, or null where it has shown none, as with a resumed session. */
export function shownCertificate(socket: TLSSocket): PeerCertificate | null {
  // Not getPeerX509Certificate(): it takes the certificate out of the chain (Node 20.20), and parses it for 0.1 ms.
  const shown = socket.getPeerCertificate()
  return 'raw' in shown ? shown : null
}

/**
 * What is wrong with the certificate of a server that has shown one, or the empty string: it must be valid and cover
 * the server's identity, and be covered itself by what is pinned (RFC 8310, sections 8.1 and 8.2).
 */
export function verifyShown(socket: TLSSocket, leaf: PeerCertificate, settings: TlsSettings): string {
  const fault = verifyLeaf(leaf, settings)
  if (fault !== '') return fault
  if (settings.rejectUnauthorized && !socket.authorized) return untrusted(String(socket.authorizationError))
  return verifyPinned(socket, settings)
}

/** The part of it that needs no other certificate, and that time may change: dates and identity. */
export function verifyLeaf(leaf: PeerCertificate, settings: TlsSettings): string {
  if (!settings.rejectUnauthorized) return ''
  const { valid_from: from, valid_to: to, subjectaltname } = leaf
  // Certificates are dated by the calendar, which a monotonic clock doesn't know.
  const now = new Date()
  if (new Date(to) < now) return `has expired on ${day(to)}`
  if (new Date(from) > now) return `is not valid before ${day(from)}`
  if (covers(leaf, settings.identity)) return ''
  return `covers ${namesIn(subjectaltname)}, not ${settings.identity}`
}

function covers({ raw, subjectaltname }: PeerCertificate, identity: string): boolean {
  // Node 22.23 takes no IPv6 address for one.
  if (isIPv6(identity)) return new X509Certificate(raw).checkIP(identity) !== undefined
  // Without a subject, where Node would look for a common name (RFC 8310, section 8.1).
  const names = { subject: {}, ...(subjectaltname !== undefined && { subjectaltname }) }
  return checkServerIdentity(identity, names as PeerCertificate) === undefined
}

/**
 * What is wrong with the certificates of a server that has shown them, its own first, or the empty string. That an authority
 * of `settings.ca`, or of Node's, has signed them was found out before.
 */
export function verifyChain(shown: readonly Uint8Array[], settings: TlsSettings): string {
  const [leaf, ...others] = shown.map((der) => new X509Certificate(der))
  const fault = verifyLeaf(leaf!.toLegacyObject(), settings)
  if (fault !== '') return fault
  return verifyPins(settings, () => withAuthority(linked(leaf!, others), settings))
}

function verifyPinned(socket: TLSSocket, settings: TlsSettings): string {
  return verifyPins(settings, () => chainOf(socket.getPeerCertificate(true)))
}

function verifyPins({ pins, hashes }: TlsSettings, chainOf: () => readonly X509Certificate[]): string {
  if (pins.length === 0 && hashes.length === 0) return ''
  const chain = chainOf()
  if (pins.length > 0 && !chain.some((certificate) => pins.includes(pinOf(certificate))))
    return 'has no pinned key in its chain'
  if (hashes.length > 0 && !chain.some((certificate) => hashes.includes(hashOf(certificate))))
    return 'has no certificate of the DNS stamp in its chain'
  return ''
}

/** The certificates from the server's own to its authority's. Node links them by their names, which anybody can write. */
function chainOf(leaf: DetailedPeerCertificate): X509Certificate[] {
  const issuers: X509Certificate[] = []
  for (let shown = leaf; shown.issuerCertificate !== undefined && shown.issuerCertificate !== shown;) {
    shown = shown.issuerCertificate
    issuers.push(new X509Certificate(shown.raw))
  }
  return linked(new X509Certificate(leaf.raw), issuers)
}

/** `leaf` and those after it for as long as each has signed the one before, as an authority may. */
function linked(leaf: X509Certificate, issuers: readonly X509Certificate[]): X509Certificate[] {
  const chain = [leaf]
  for (const issuer of issuers) {
    if (!hasSigned(issuer, chain.at(-1)!)) break
    chain.push(issuer)
  }
  return chain
}

/** With the authority that has signed the last one, which servers need not show (RFC 8446, section 4.4.2). */
function withAuthority(chain: X509Certificate[], { ca, rejectUnauthorized }: TlsSettings): X509Certificate[] {
  if (!rejectUnauthorized) return chain
  const authorities = ca === null ? nodesRoots() : certificatesOf(ca)
  const last = chain.at(-1)!
  const authority = authorities.map((der) => new X509Certificate(der)).find((one) => hasSigned(one, last))
  return authority === undefined ? chain : [...chain, authority]
}

function hasSigned(issuer: X509Certificate, signed: X509Certificate): boolean {
  return issuer.ca && signed.checkIssued(issuer) && signed.verify(issuer.publicKey)
}

/** SHA-256 of the SPKI, in base64 (RFC 7858, section 4.2). */
function pinOf({ publicKey }: X509Certificate): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64')
}

/** SHA-256 of the TBS part, in hexadecimal: the first element within the outer sequence. */
function hashOf({ raw }: X509Certificate): string {
  const start = contentOf(raw, 0)
  const end = contentOf(raw, start) + lengthAt(raw, start)
  return createHash('sha256').update(raw.subarray(start, end)).digest('hex')
}

/** Where the content of the DER element at `at` begins (X.690, section 8.1.3). */
function contentOf(der: Buffer, at: number): number {
  return at + 2 + (der[at + 1]! < 0x80 ? 0 : der[at + 1]! & 0x7f)
}

function lengthAt(der: Buffer, at: number): number {
  const first = der[at + 1]!
  return first < 0x80 ? first : der.readUIntBE(at + 2, first & 0x7f)
}

/** OpenSSL's verdict in words. */
function untrusted(code: string): string {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return 'is signed by an authority whose own certificate has expired'
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return 'is signed by nobody but itself'
    case 'INVALID_PURPOSE':
      return 'is not one for servers'
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'CERT_SIGNATURE_FAILURE':
      return 'is not signed by a trusted authority'
    default:
      return `is not valid: ${code}`
  }
}

/** The day of `date`, as errors name it. */
export function day(date: string | number): string {
  return new Date(date).toISOString().slice(0, 10)
}

function namesIn(subjectAltName: string | undefined): string {
  if (subjectAltName === undefined) return 'no names'
  const names = subjectAltName.replaceAll(/(?:DNS|IP Address):/g, '')
  return `other names (${names.length > MAX_NAMES ? `${names.slice(0, MAX_NAMES)}…` : names})`
}
