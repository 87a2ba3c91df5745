import { Buffer } from 'node:buffer'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import * as tls from 'node:tls'

/** PEM text or octets, one or several. */
export type Pem = string | Uint8Array | readonly (string | Uint8Array)[]

/** Labels that OpenSSL takes for one; behind a trusted one is more than the certificate. */
const CERTIFICATE = /-----BEGIN (TRUSTED |X509 |)CERTIFICATE-----([\s\S]*?)-----END \1CERTIFICATE-----/g

/** DER of every certificate in `pem`, in its order. */
export function certificatesOf(pem: Pem): Buffer[] {
  return [...textOf(pem).matchAll(CERTIFICATE)].map(([block, label, base64]) =>
    label === 'TRUSTED ' ? new X509Certificate(block).raw : Buffer.from(base64!, 'base64'),
  )
}

let roots: readonly Buffer[] | null = null

/** DER of the authorities that Node trusts, those of NODE_EXTRA_CA_CERTS among them. */
export function nodesRoots(): readonly Buffer[] {
  return (roots ??= certificatesOf(trusted()))
}

function trusted(): readonly string[] {
  // Since Node 22.15 it says so itself.
  const { getCACertificates } = tls as { readonly getCACertificates?: (kind: 'default') => readonly string[] }
  return getCACertificates?.('default') ?? [...tls.rootCertificates, extraCertificates()]
}

/** None where the file can't be read, of which Node warns at its start. */
function extraCertificates(): string {
  try {
    return readFileSync(process.env['NODE_EXTRA_CA_CERTS'] ?? '', 'latin1')
  } catch {
    return ''
  }
}

/**
 * PKCS #8 of the key in `pem`.
 *
 * @throws what `node:crypto` says of a key that it cannot read
 */
export function privateKeyOf(pem: Pem): Buffer {
  return createPrivateKey(textOf(pem)).export({ type: 'pkcs8', format: 'der' })
}

function textOf(pem: Pem): string {
  if (typeof pem === 'string') return pem
  if (pem instanceof Uint8Array) return Buffer.from(pem).toString('latin1')
  return pem.map((one) => textOf(one)).join('\n')
}
