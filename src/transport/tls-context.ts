import { Buffer } from 'node:buffer'
import { constants, X509Certificate } from 'node:crypto'
import { createSecureContext, DEFAULT_CIPHERS, type SecureContext } from 'node:tls'
import { InvalidOptionError } from '../errors.js'
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
 * Throws what OpenSSL would say of `settings` at the first connection.
 *
 * @throws {InvalidOptionError} `owner`, and the option of `tls` that cannot be used
 */
export function checkTlsSettings(settings: ReadTlsOptions, owner: string): void {
  const { ca, cert, key, ciphers, ciphersuites } = settings
  const plain = { ...settings, ca: null, cert: null, key: null, ciphers: null, ciphersuites: null }
  const tryOut = (name: string, run: () => unknown): void => {
    try {
      run()
    } catch (error) {
      throw new InvalidOptionError(owner, `tls.${name}`, `cannot be used: ${reason(error)}`)
    }
  }
  if (ca !== null) for (const pem of octets(ca)) tryOut('ca', () => readCertificate(pem))
  if (ciphers !== null) tryOut('ciphers', () => secureContext({ ...plain, ciphers }))
  if (ciphersuites !== null) tryOut('ciphersuites', () => secureContext({ ...plain, ciphersuites }))
  if (cert === null && key === null) return
  if (cert === null) throw new InvalidOptionError(owner, 'tls.cert', 'is missing: a key serves only with a certificate')
  if (key === null) throw new InvalidOptionError(owner, 'tls.key', 'is missing: a certificate serves only with its key')
  tryOut('cert', () => secureContext({ ...plain, cert }))
  tryOut('key', () => secureContext({ ...plain, cert, key }))
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
