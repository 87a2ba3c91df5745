import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'vitest'
import { Pool, Upstream, type DnsError, type UpstreamOptions } from 'headrace'
import { FakeAuthority } from 'headrace/testing'

const authority = new FakeAuthority()
const { cert, key } = authority.issue({ usage: 'client' })

describe('options of encryption', () => {
  test.each<[unknown, string]>([
    [{ tls: true }, 'tls'],
    [{ tls: { servrname: 'a' } }, 'tls.servrname'],
    [{ tls: { servername: '' } }, 'tls.servername'],
    [{ tls: { ca: 42 } }, 'tls.ca'],
    [{ tls: { ca: [] } }, 'tls.ca'],
    [{ tls: { ca: 'no PEM' } }, 'tls.ca'],
    [{ tls: { ciphers: 'NO-SUCH-CIPHER' } }, 'tls.ciphers'],
    [{ tls: { minVersion: 'TLSv1' } }, 'tls.minVersion'],
    [{ tls: { cert } }, 'tls.key'],
    [{ tls: { key } }, 'tls.cert'],
    [{ tls: { cert, key: authority.issue().key } }, 'tls.key'],
    [{ tls: { pins: 'sha256' } }, 'tls.pins'],
    [{ tls: { pins: ['AAAA'] } }, 'tls.pins'],
    [{ tls: { rejectUnauthorized: 0 } }, 'tls.rejectUnauthorized'],
    [{ method: 'PUT' }, 'method'],
    [{ padding: 'yes' }, 'padding'],
    [{ keepalive: 1 }, 'keepalive'],
    [{ discovery: 'yes' }, 'discovery'],
  ])('%j is refused at construction, whatever the transport', (options, name) => {
    for (const address of ['tls://dns.example', 'https://192.0.2.1/q', '192.0.2.1']) {
      assert.throws(
        () => new Upstream(address, options as UpstreamOptions),
        (error: DnsError & { option?: string }) => error.code === 'ERR_DNS_INVALID_OPTION' && error.option === name,
      )
    }
  })

  test('those that a transport has no use for do no harm, for the defaults of a pool are for all its members', () => {
    const { cert: ca, pin } = authority
    const tls = { ca, cert, key, servername: 'dns.example', pins: [pin], minVersion: 'TLSv1.3' as const }
    const upstreamDefaults = {
      tls,
      method: 'GET',
      padding: false,
      keepalive: true,
      bootstrap: '9.9.9.9',
      discovery: true,
    } as const
    const upstreams = [
      '192.0.2.1',
      'tcp://[2001:db8::1]',
      'tls://dns.example',
      'https://dns.example',
      'udp://host.example',
    ]
    assert.equal(new Pool({ upstreams, upstreamDefaults }).members.length, 5)
  })

  test('rejectUnauthorized: false is said in the process’s log, once for each upstream that is encrypted', async () => {
    const tls = { rejectUnauthorized: false }
    const warned = once(process, 'warning')
    new Upstream('192.0.2.1', { tls })
    new Upstream('tls://192.0.2.1|lax', { tls })
    const [warning] = (await warned) as [Error & { code: string }]
    assert.equal(warning.code, 'HEADRACE_UNVERIFIED')
    assert.match(warning.message, /^lax: tls\.rejectUnauthorized is false, so that anybody/)
  })

  test('rejectUnauthorized: false with pins is said to leave it to them', async () => {
    const warned = once(process, 'warning')
    new Upstream('tls://192.0.2.1|pinned', { tls: { rejectUnauthorized: false, pins: [`${'A'.repeat(43)}=`] } })
    const [warning] = (await warned) as [Error]
    assert.match(warning.message, /^pinned: tls\.rejectUnauthorized is false, so that its pins alone say who it is/)
  })
})
