import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import { Upstream } from '../../src/index.js'
import { FakeServer, type FakeCertificateKind } from '../../src/testing/index.js'
import { until } from '../transport/support.js'

const ENCRYPTED = ['tls', 'https'] as const
const BAD: readonly FakeCertificateKind[] = ['wrong-name', 'expired', 'not-yet-valid', 'untrusted', 'self-signed', 'common-name-only', 'client-only'] // prettier-ignore

describe.each(ENCRYPTED)('%s', (transport) => {
  test('an upstream is given the address and the authority', async () => {
    await using server = await FakeServer.listen({
      transports: [transport],
      answer: { 'www.example A': ['203.0.113.7'], 'gone.example': 'NXDOMAIN' },
    })
    await using upstream = new Upstream(server.addressOf(transport), { tls: { ca: server.ca } })
    assert.equal((await upstream.query('www.example', 'A')).answers[0]?.data, '203.0.113.7')
    assert.equal((await upstream.query('gone.example', 'A')).rcode, 'NXDOMAIN')
    assert.deepEqual([server.asked, server.accepted, server.handshakes], [2, 1, 1])
  })

  test.each(BAD)('T18: %s: not an octet of a query comes', async (certificate) => {
    await using server = await FakeServer.listen({ transports: [transport], certificate })
    await using upstream = new Upstream(server.addressOf(transport), { tls: { ca: server.ca } })
    await assert.rejects(upstream.query('www.example', 'A'), { code: 'ERR_DNS_TLS' })
    await until(() => server.connections === 0)
    assert.deepEqual([server.received, server.asked], [0, 0])
  })
})
