import { randomBytes } from 'node:crypto'
import type { TlsOptions } from 'node:tls'
import { reject } from '../base/options.js'
import { FakeAuthority, type FakeCertificate } from './fake-authority.js'

/** A certificate to show: a good one, or one that a strict client refuses (RFC 8310, section 8; RFC 5280, section 6). */
export type FakeCertificateKind =
  | 'good'
  /** Valid, for somebody else. */
  | 'wrong-name'
  | 'expired'
  | 'not-yet-valid'
  /** From an authority that is not the one to trust. */
  | 'untrusted'
  | 'self-signed'
  /** Has the name as its common name only, and no subject alternative names. */
  | 'common-name-only'
  /** For clients to show, not for servers. */
  | 'client-only'

/** A certificate to show, by its kind; or one that was issued elsewhere, in PEM. */
export type ShownCertificate = FakeCertificateKind | Pick<FakeCertificate, 'cert' | 'key'>

type Issue = (authority: FakeAuthority, names: readonly string[]) => FakeCertificate

const ISSUE: Readonly<Record<FakeCertificateKind, Issue>> = {
  good: (authority, names) => authority.issue({ names }),
  'wrong-name': (authority) => authority.issue({ names: ['wrong.invalid', '192.0.2.1'] }),
  expired: (authority, names) => authority.issue({ names, notAfter: new Date('2021-01-01T00:00:00Z') }),
  'not-yet-valid': (authority, names) => authority.issue({ names, notBefore: new Date('2119-01-01T00:00:00Z') }),
  untrusted: (_authority, names) => new FakeAuthority('untrusted authority').issue({ names }),
  'self-signed': (_authority, names) => FakeAuthority.selfSigned({ names }),
  'common-name-only': (authority, names) => authority.issue({ names: [], commonName: names[0]! }),
  'client-only': (authority, names) => authority.issue({ names, usage: 'client' }),
}

/** Names and addresses of loopback, which every good certificate covers. */
const LOOPBACK = ['localhost', '127.0.0.1', '::1']

/** Options of a {@link FakeIdentity}. */
export interface FakeIdentityOptions {
  readonly authority?: FakeAuthority | undefined
  readonly names?: readonly string[] | undefined
  readonly certificate?: ShownCertificate | undefined
  readonly clientAuthority?: FakeAuthority | undefined
}

/** Who a FakeServer claims to be over TLS. Makes keys only when somebody looks. */
export class FakeIdentity {
  readonly #options: FakeIdentityOptions
  readonly #issued = new Map<FakeCertificateKind, FakeCertificate>()
  /** One for all certificates, so that sessions outlive a change. */
  readonly #ticketKeys = randomBytes(48)
  #authority: FakeAuthority | undefined
  #certificate: ShownCertificate

  /** @throws {InvalidOptionError} a certificate that it does not know */
  constructor(options: FakeIdentityOptions) {
    this.#options = options
    this.#authority = options.authority
    this.#certificate = check(options.certificate ?? 'good')
  }

  get authority(): FakeAuthority {
    return (this.#authority ??= new FakeAuthority())
  }

  get certificate(): ShownCertificate {
    return this.#certificate
  }

  set certificate(certificate: ShownCertificate) {
    this.#certificate = check(certificate)
  }

  /** Certificate and key, in PEM. */
  get pem(): { readonly cert: string; readonly key: string } {
    const { cert, key } = typeof this.#certificate === 'string' ? this.#issue(this.#certificate) : this.#certificate
    return { cert, key }
  }

  /** What node:tls is given. */
  get tls(): TlsOptions {
    const { clientAuthority } = this.#options
    const client = clientAuthority && { ca: clientAuthority.cert, requestCert: true, rejectUnauthorized: true }
    return { ...this.pem, ticketKeys: this.#ticketKeys, ...client }
  }

  #issue(kind: FakeCertificateKind): FakeCertificate {
    const issued = this.#issued.get(kind) ?? ISSUE[kind](this.authority, [...(this.#options.names ?? []), ...LOOPBACK])
    this.#issued.set(kind, issued)
    return issued
  }
}

function check(given: ShownCertificate): ShownCertificate {
  if (typeof given === 'string' ? Object.hasOwn(ISSUE, given) : typeof given?.cert === 'string') return given
  const kinds = Object.keys(ISSUE).map((kind) => `"${kind}"`)
  return reject('FakeServer', 'certificate', given, `one of ${kinds.join(', ')}, or a cert and key in PEM`)
}
