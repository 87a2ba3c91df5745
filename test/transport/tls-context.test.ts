import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, test } from 'vitest'
import { checkTlsSettings } from '../../src/transport/tls-context.js'
import type { TlsSettings } from '../../src/transport/tls-options.js'
import { authority, good, settingsFor } from './tls-support.js'

const other = authority.issue({ names: [], usage: 'client' })
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
  ])('%s', (_, given) => {
    checkTlsSettings(settingsFor(given), 'Upstream')
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
