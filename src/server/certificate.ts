import { Buffer } from 'node:buffer'
import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { option, reject, text, type OptionValues } from '../base/options.js'
import { InvalidOptionError } from '../errors.js'

/** PEM text or octets. */
type Pem = string | Uint8Array

/** What a listener shows its clients, in PEM. */
export interface ServerCertificate {
  /** The certificate, then those between it and its authority. */
  readonly cert: string | Uint8Array
  /** Its private key, not encrypted. */
  readonly key: string | Uint8Array
}

/** How a listener is given its certificate: each half as PEM or as the name of a file that holds it. */
export interface CertificateOptions {
  /** The certificate, then those between it and its authority. */
  readonly cert?: string | Uint8Array
  /** Its private key, not encrypted. */
  readonly key?: string | Uint8Array
  /** Name of a file in place of `cert`, read at the start, and again by `reloadCertificates()`. */
  readonly certFile?: string
  /** Name of a file in place of `key`, read at the start, and again by `reloadCertificates()`. */
  readonly keyFile?: string
}

const pem = option<Pem | null>(
  null,
  'PEM text or octets',
  (v) => (typeof v === 'string' && v !== '') || v instanceof Uint8Array,
)

/** {@link CertificateOptions}, for `readOptions`. */
export const CERTIFICATE_OPTIONS = { cert: pem, key: pem, certFile: text(), keyFile: text() }

/** {@link CertificateOptions}, read. */
export type ReadCertificateOptions = OptionValues<typeof CERTIFICATE_OPTIONS>

/** @throws {InvalidOptionError} a half is missing, or given twice */
export function checkHalves(given: ReadCertificateOptions, owner: string, listener: string): void {
  for (const half of ['cert', 'key'] as const) {
    const file = given[`${half}File`]
    if ((given[half] === null) !== (file === null)) continue
    const what = file === null ? 'is missing' : 'is given twice'
    throw new InvalidOptionError(owner, `${listener}.${half}`, `${what}: give either ${half} (PEM) or ${half}File`)
  }
}

/**
 * Reads what is in files, and checks it all.
 *
 * @throws {InvalidOptionError} as a rejection: a file can't be read, or see {@link checkCertificate}
 */
export async function loadCertificate(given: ReadCertificateOptions, listener: string): Promise<ServerCertificate> {
  const certificate = {
    cert: given.cert ?? (await readHalf(given.certFile!, `${listener}.certFile`)),
    key: given.key ?? (await readHalf(given.keyFile!, `${listener}.keyFile`)),
  }
  checkCertificate(certificate, listener)
  return certificate
}

/** @throws {InvalidOptionError} saying which half of `certificate` can't be used and why, or that they don't belong together */
export function checkCertificate(certificate: ServerCertificate, listener: string): void {
  if (typeof certificate !== 'object' || certificate === null)
    reject('createServer', listener, certificate, 'shown a certificate as { cert, key }, in PEM')
  const { cert, key } = certificate
  for (const half of ['cert', 'key'] as const) {
    if (certificate[half] === undefined)
      throw new InvalidOptionError('createServer', `${listener}.${half}`, 'is missing: give cert and key, in PEM')
  }
  const leaf = attempt(`${listener}.cert`, 'is no certificate in PEM', () => new X509Certificate(cert))
  const secret = attempt(`${listener}.key`, 'is no private key in PEM', () => readKey(key))
  if (!leaf.checkPrivateKey(secret)) {
    throw new InvalidOptionError('createServer', `${listener}.key`, `is not the key of ${listener}.cert`)
  }
  attempt(`${listener}.cert`, 'cannot be used', () => createSecureContext({ cert: asNode(cert), key: asNode(key) }))
}

/** PEM as node:tls takes it. */
export function asNode(pem: Pem): string | Buffer {
  return typeof pem === 'string' ? pem : Buffer.from(pem)
}

function readKey(key: Pem): KeyObject {
  return createPrivateKey(asNode(key))
}

async function readHalf(file: string, name: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new InvalidOptionError('createServer', name, `cannot be read: ${messageOf(cause)}`)
  }
}

function attempt<T>(name: string, problem: string, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    throw new InvalidOptionError('createServer', name, `${problem}: ${messageOf(cause)}`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
