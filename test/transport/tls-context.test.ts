import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { describe, test } from 'vitest'
import { checkTlsSettings } from '../../src/transport/tls-context.js'
import type { TlsSettings } from '../../src/transport/tls-options.js'
import { authority, good, settingsFor } from './tls-support.js'

const other = authority.issue({ names: [], usage: 'client' })
/** A certificate with its key, on a curve that OpenSSL knows and the QUIC core doesn't. */
const pem = readFileSync(new URL('../fixtures/p521.pem', import.meta.url))
const p521 = { cert: pem, key: pem }
const garbage = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'

describe('settings that OpenSSL takes', () => {
  test.each<[string, Partial<TlsSettings>]>([
    ['none', { ca: null }],
    ['PEM as text', { ca: authority.cert }],
    ['PEM as octets', { ca: Buffer.from(authority.cert) }],
    ['PEM as plain octets', { ca: new Uint8Array(Buffer.from(authority.cert)) }],
    ['several', { ca: [authority.cert, Buffer.from(good.cert)] }],
    ['several in one', { ca: `${authority.cert}\n${good.cert}` }],
    ['a certificate with its key', { cert: good.cert, key: good.key }],
    ['a certificate with those above it', { cert: [good.cert, authority.cert].join(''), key: Buffer.from(good.key) }],
    ['ciphers', { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }],
    ['cipher suites', { ciphersuites: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384' }],
    ['both', { ciphers: 'HIGH:!aNULL', ciphersuites: 'TLS_AES_128_GCM_SHA256' }],
    ['cipher suites that QUIC lacks', { ciphersuites: 'TLS_AES_128_CCM_SHA256' }],
    ['a key that QUIC lacks', p521],
    ['a name in another script', { servername: 'bücher.example' }],
    ['an address as the name', { servername: '2001:db8::1' }],
  ])('%s', (_, given) => {
    checkTlsSettings(settingsFor(given), 'Upstream')
  })
})

describe('settings that QUIC does not take', () => {
  test.each<[string, string, Partial<TlsSettings>, RegExp]>([
    [
      'cipher suites',
      'tls.ciphersuites',
      { ciphersuites: 'TLS_AES_128_CCM_SHA256' },
      /none of them is known to QUIC, which has TLS_AES/,
    ],
    ['a key', 'tls.key', p521, /must be RSA of .* bits, EC \(P-256, P-384\) or Ed25519; it is ec secp521r1/],
  ])('%s', (_, option, given, message) => {
    assert.throws(() => checkTlsSettings(settingsFor(given), 'Upstream', true), { option, message })
  })

  test('one suite of those that it has is enough', () => {
    const ciphersuites = 'TLS_AES_128_CCM_SHA256:TLS_AES_256_GCM_SHA384'
    checkTlsSettings(settingsFor({ ciphersuites, cert: good.cert, key: good.key }), 'Upstream', true)
  })
})

describe('settings that it does not', () => {
  test.each<[string, string, Partial<TlsSettings>, RegExp]>([
    ['an authority that is no PEM', 'tls.ca', { ca: 'authority.pem' }, /it is not PEM/],
    ['one in DER', 'tls.ca', { ca: new X509Certificate(authority.cert).raw }, /it is not PEM/],
    ['one that cannot be read', 'tls.ca', { ca: [authority.cert, garbage] }, /cannot be used/],
    ['a certificate that is no PEM', 'tls.cert', { cert: 'x', key: good.key }, /no start line/],
    ['a key that is no PEM', 'tls.key', { cert: good.cert, key: 'x' }, /cannot be used/],
    ['the key of another certificate', 'tls.key', { cert: good.cert, key: other.key }, /key values mismatch/],
    ['a certificate without its key', 'tls.key', { cert: good.cert }, /is missing/],
    ['a key without its certificate', 'tls.cert', { key: good.key }, /is missing/],
    ['unknown ciphers', 'tls.ciphers', { ciphers: 'ROT13' }, /no cipher match/],
    ['unknown cipher suites', 'tls.ciphersuites', { ciphersuites: 'TLS_ROT13' }, /no cipher match/],
    [
      'one among others',
      'tls.ciphersuites',
      { ciphersuites: 'TLS_AES_128_GCM_SHA256:ROT13' },
      /match for "ROT13"; there/,
    ],
    ['cipher suites in lower case', 'tls.ciphersuites', { ciphersuites: 'tls_aes_128_gcm_sha256' }, /no cipher match/],
    [
      'a name that is none',
      'tls.servername',
      { servername: 'no t a name' },
      /a host name or an IP address; got "no t a/,
    ],
    ['a label that is too long', 'tls.servername', { servername: `${'x'.repeat(64)}.example` }, /must be a host name/],
    ['a name with a port', 'tls.servername', { servername: 'dns.example:853' }, /must be a host name/],
  ])('%s', (_, option, given, message) => {
    assert.throws(
      () => checkTlsSettings(settingsFor(given), 'Upstream'),
      (error: Error & { option: string }) => {
        assert.match(error.message, message)
        assert.ok(error.message.startsWith(`Upstream: option "${option}" `))
        assert.deepEqual([(error as Error & { code?: string }).code, error.option], ['ERR_DNS_INVALID_OPTION', option])
        return true
      },
    )
  })
})
