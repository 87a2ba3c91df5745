import { Buffer } from 'node:buffer'
import {
  createHash,
  generateKeyPairSync,
  randomBytes,
  sign as signOctets,
  type KeyObject,
  type KeyPairKeyObjectResult,
} from 'node:crypto'
import { isIP, isIPv6 } from 'node:net'
import { bits, boolean, element, integer, octets, oid, sequence, set, tagged, time, utf8 } from './der.js'

/** What {@link FakeAuthority.issue} puts into a certificate. */
export interface FakeCertificateOptions {
  /** Host names and IP addresses that it covers, as subject alternative names. @default ['localhost', '127.0.0.1', '::1'] */
  readonly names?: readonly string[]
  /** Common name of the subject, which no client must go by (RFC 8310, section 8.1). @default 'fake' */
  readonly commonName?: string
  /** @default 2020-01-01 */
  readonly notBefore?: Date
  /** @default 2120-01-01 */
  readonly notAfter?: Date
  /** What it may be used for. @default 'server' */
  readonly usage?: 'server' | 'client'
}

/** A certificate with its key, in PEM. */
export interface FakeCertificate {
  readonly cert: string
  readonly key: string
  /** SHA-256 of its public key in base64, as the option `tls.pins` takes it. */
  readonly pin: string
  /** SHA-256 of its TBS part in hexadecimal, as a DNS stamp has it. */
  readonly hash: string
}

const LONG_AGO = new Date('2020-01-01T00:00:00Z')
const LONG_AFTER = new Date('2120-01-01T00:00:00Z')
const OID = {
  ecdsaSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAltName: '2.5.29.17',
  subjectKey: '2.5.29.14',
  authorityKey: '2.5.29.35',
  server: '1.3.6.1.5.5.7.3.1',
  client: '1.3.6.1.5.5.7.3.2',
}

/**
 * Makes certificates for tests (RFC 5280), good ones and bad ones, with keys that nobody else has: what trusts
 * {@link cert} trusts what it has issued.
 */
export class FakeAuthority {
  /** Its own certificate, in PEM: what the option `tls.ca` of an upstream takes. */
  readonly cert: string
  /** SHA-256 of its public key in base64, as the option `tls.pins` takes it. */
  readonly pin: string
  readonly #signer: Signer

  /** @param name common name of the authority */
  constructor(name = 'fake authority') {
    const { privateKey, publicKey } = newKeys()
    this.#signer = { name, key: privateKey, id: keyId(publicKey) }
    const usage = sequence(oid(OID.keyUsage), boolean(true), octets(bits(Buffer.from([0x06]), 1)))
    const made = sign(
      this.#signer,
      name,
      publicKey,
      [LONG_AGO, LONG_AFTER],
      [sequence(oid(OID.basicConstraints), boolean(true), octets(sequence(boolean(true)))), usage],
    )
    this.cert = made.cert
    this.pin = made.pin
  }

  /** A certificate that nobody vouches for: its own key has signed it. */
  static selfSigned(options: FakeCertificateOptions = {}): FakeCertificate {
    return make(null, options)
  }

  /** A certificate with a key of its own. */
  issue(options: FakeCertificateOptions = {}): FakeCertificate {
    return make(this.#signer, options)
  }
}

interface Signer {
  readonly name: string
  readonly key: KeyObject
  /** What tells its key from those of others. */
  readonly id: Buffer
}

/** @param signer null: the certificate's own key */
function make(signer: Signer | null, options: FakeCertificateOptions): FakeCertificate {
  const { names = ['localhost', '127.0.0.1', '::1'], commonName = 'fake', usage = 'server' } = options
  const { notBefore = LONG_AGO, notAfter = LONG_AFTER } = options
  const { privateKey, publicKey } = newKeys()
  const extensions = [sequence(oid(OID.extendedKeyUsage), octets(sequence(oid(OID[usage]))))]
  if (names.length > 0) extensions.push(sequence(oid(OID.subjectAltName), octets(sequence(...names.map(altName)))))
  const by = signer ?? { name: commonName, key: privateKey, id: keyId(publicKey) }
  const made = sign(by, commonName, publicKey, [notBefore, notAfter], extensions)
  return { ...made, key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string }
}

function newKeys(): KeyPairKeyObjectResult {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function sign(
  signer: Signer,
  subject: string,
  key: KeyObject,
  [from, to]: readonly [Date, Date],
  extensions: readonly Buffer[],
): Omit<FakeCertificate, 'key'> {
  const spki = key.export({ type: 'spki', format: 'der' })
  const algorithm = sequence(oid(OID.ecdsaSha256))
  const tbs = sequence(
    tagged(0, true, integer(Buffer.from([2]))),
    integer(serial()),
    algorithm,
    nameOf(signer.name),
    sequence(time(from), time(to)),
    nameOf(subject),
    spki,
    tagged(3, true, sequence(...extensions, ...keyIds(key, signer))),
  )
  const whole = sequence(tbs, algorithm, bits(signOctets('sha256', tbs, signer.key)))
  const lines = whole.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    pin: createHash('sha256').update(spki).digest('base64'),
    hash: createHash('sha256').update(tbs).digest('hex'),
  }
}

/** Without them OpenSSL goes by names alone, and takes one authority for another of the same name (RFC 5280, sections 4.2.1.1 and 4.2.1.2). */
function keyIds(key: KeyObject, signer: Signer): readonly Buffer[] {
  return [
    sequence(oid(OID.subjectKey), octets(octets(keyId(key)))),
    sequence(oid(OID.authorityKey), octets(sequence(tagged(0, false, signer.id)))),
  ]
}

function keyId(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20)
}

/** DER wants the shortest form (X.690, section 8.3.2), which a first octet of zero would not be. */
function serial(): Buffer {
  const octets = randomBytes(16)
  octets[0]! |= 0x80
  return octets
}

function nameOf(commonName: string): Buffer {
  return sequence(set(sequence(oid(OID.commonName), utf8(commonName))))
}

function altName(name: string): Buffer {
  return isIP(name) === 0 ? element(0x82, Buffer.from(name, 'latin1')) : element(0x87, addressOctets(name))
}

function addressOctets(address: string): Buffer {
  if (!isIPv6(address)) return Buffer.from(address.split('.').map(Number))
  const [head = '', tail] = address.split('::')
  const left = head.split(':').filter((group) => group !== '')
  const right = tail?.split(':').filter((group) => group !== '') ?? []
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right]
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
