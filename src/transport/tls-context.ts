import { Buffer } from 'node:buffer'
import { constants, createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext, DEFAULT_CIPHERS, getCiphers, type SecureContext } from 'node:tls'
import { canonicalHost } from '../address/host.js'
import { show } from '../base/options.js'
import { InvalidOptionError } from '../errors.js'
import { QUIC_CURVES, QUIC_RSA, QUIC_SUITES } from './quic-crypto.js'
import type { Pem, ReadTlsOptions } from './tls-options.js'

/** What OpenSSL is told of `settings`: whom to trust, which ciphers to use, who we are. */
export function secureContext(settings: ReadTlsOptions): SecureContext {
  const { ca, cert, key, minVersion } = settings
  const ciphers = cipherList(settings)
  return createSecureContext({
    minVersion,
    // A server may begin anew again and again, which costs us a handshake each; HTTP/2 forbids it (RFC 9113, section 9.2.1).
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(ca !== null && { ca: octets(ca) }),
    ...(cert !== null && { cert: octets(cert) }),
    ...(key !== null && { key: octets(key) }),
    ...(ciphers !== null && { ciphers }),
  })
}

/**
 * Throws what OpenSSL, or the QUIC core over QUIC, would say of `settings` at the first connection.
 *
 * @throws {InvalidOptionError} `owner`, and the option of `tls` that cannot be used
 */
export function checkTlsSettings(settings: ReadTlsOptions, owner: string, overQuic = false): void {
  const { ca, cert, key, ciphers, ciphersuites, servername } = settings
  const plain = { ...settings, ca: null, cert: null, key: null, ciphers: null, ciphersuites: null }
  const tryOut = (name: string, run: () => unknown): void => {
    try {
      run()
    } catch (error) {
      throw new InvalidOptionError(owner, `tls.${name}`, `cannot be used: ${reason(error)}`)
    }
  }
  if (servername !== null && canonicalHost(servername) === null)
    throw new InvalidOptionError(
      owner,
      'tls.servername',
      `must be a host name or an IP address; got ${show(servername)}`,
    )
  if (ca !== null) for (const pem of octets(ca)) tryOut('ca', () => readCertificate(pem))
  if (ciphers !== null) tryOut('ciphers', () => secureContext({ ...plain, ciphers }))
  if (ciphersuites !== null) {
    tryOut('ciphersuites', () => checkSuites(ciphersuites, overQuic))
    tryOut('ciphersuites', () => secureContext({ ...plain, ciphersuites }))
  }
  if (cert === null && key === null) return
  if (cert === null) throw new InvalidOptionError(owner, 'tls.cert', 'is missing: a key serves only with a certificate')
  if (key === null) throw new InvalidOptionError(owner, 'tls.key', 'is missing: a certificate serves only with its key')
  tryOut('cert', () => secureContext({ ...plain, cert }))
  tryOut('key', () => secureContext({ ...plain, cert, key }))
  if (overQuic) tryOut('key', () => checkQuicKey(key))
}

/** OpenSSL passes over names that it doesn't know, and would then speak no TLS 1.3 where none was left. */
function checkSuites(ciphersuites: string, overQuic: boolean): void {
  const known = getCiphers().flatMap((name) => (name.startsWith('tls_') ? name.toUpperCase() : []))
  const names = ciphersuites.split(':')
  const stranger = names.find((name) => !known.includes(name))
  if (stranger !== undefined) throw new Error(`no cipher match for ${show(stranger)}; there are ${known.join(', ')}`)
  if (overQuic && !names.some((name) => QUIC_SUITES.has(name)))
    throw new Error(`none of them is known to QUIC, which has ${[...QUIC_SUITES.keys()].join(', ')}`)
}

function checkQuicKey(key: Pem): void {
  const { asymmetricKeyType: type, asymmetricKeyDetails } = createPrivateKey(
    Buffer.concat(octets(key).map((one) => Buffer.from(one))),
  )
  const { namedCurve: curve = '', modulusLength: bits = 0 } = asymmetricKeyDetails ?? {}
  const isKnown =
    type === 'ed25519' || (type === 'ec' && QUIC_CURVES.includes(curve)) || (type === 'rsa' && QUIC_RSA.includes(bits))
  if (!isKnown)
    throw new Error(
      `over QUIC it must be RSA of ${QUIC_RSA.join(', ')} bits, EC (P-256, P-384) or Ed25519; it is ${type} ${curve || bits || ''}`.trimEnd(),
    )
}

/** OpenSSL passes over what isn't PEM, and would trust nobody. */
function readCertificate(pem: string | Buffer): void {
  if (!pem.includes('-----BEGIN')) throw new Error('it is not PEM')
  new X509Certificate(pem)
}

/** Node has one list for all versions, and without a suite of TLS 1.3 in it speaks none. */
function cipherList({ ciphers, ciphersuites }: ReadTlsOptions): string | null {
  if (ciphers === null && ciphersuites === null) return null
  const defaults = DEFAULT_CIPHERS.split(':')
  const suites = ciphersuites ?? defaults.filter((name) => name.startsWith('TLS_')).join(':')
  return `${suites}:${ciphers ?? defaults.filter((name) => !name.startsWith('TLS_')).join(':')}`
}

function octets(pem: Pem): (string | Buffer)[] {
  const all = typeof pem === 'string' || pem instanceof Uint8Array ? [pem] : pem
  return all.map((one) => (typeof one === 'string' ? one : Buffer.from(one)))
}

/** OpenSSL's words without its places in the source. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'reason' in error ? String(error.reason) : error.message
}
