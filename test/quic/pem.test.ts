import assert from 'node:assert/strict'
import { Buffer } from 'node:buffer'
import { X509Certificate } from 'node:crypto'
import { describe, test } from 'vitest'
import { certificatesOf } from '../../src/quic/pem.js'
import { FakeAuthority } from '../../src/testing/fake-authority.js'

const { cert } = new FakeAuthority().issue()
const der = new X509Certificate(cert).raw
/** What `openssl x509 -trustout -addtrust clientAuth -setalias me` puts behind a certificate. */
const trust = Buffer.from('MBAwCgYIKwYBBQUHAwIMAm1l', 'base64')

function pem(label: string, octets: Buffer): string {
  const lines = octets.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`
}

describe('certificates in PEM', () => {
  test.each<[string, string | Buffer | string[], number]>([
    ['as text', cert, 1],
    ['as octets', Buffer.from(cert), 1],
    ['several', [cert, `between\n${cert}${cert}`], 3],
    ['by its old label', pem('X509 CERTIFICATE', der), 1],
    ['with what it is trusted for, as OpenSSL writes it', pem('TRUSTED CERTIFICATE', Buffer.concat([der, trust])), 1],
    ['of each kind', [pem('TRUSTED CERTIFICATE', Buffer.concat([der, trust])), cert], 2],
    ['with another end', pem('CERTIFICATE', der).replace('END ', 'END X509 '), 0],
    ['no certificate at all', 'PEM', 0],
  ])('%s', (_, given, count) => {
    const found = certificatesOf(given)
    assert.equal(found.length, count)
    for (const one of found) assert.ok(one.equals(der))
  })
})
